"""The arguments of a run: argv, its preset, and the picture that -rerun repeats."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, BinaryIO

from neural_style.files.pillow import PipedFile
from neural_style.torch7.cmdline import Value, split

if TYPE_CHECKING:
    from neural_style.command.preview import Preview


@dataclass(frozen=True)
class Arguments:
    """The flags of a run: each is an attribute, arguments.image_size.

    values: every flag by its name, as it is written on the command line.
    explicit: names of those that were given, the others have their defaults.
    typed: names of those that the user wrote; others are in a preset of the program, or a recipe.
    generator_seed: seeds the random numbers when -seed does not; None until it is drawn.
    piped: contents of the input pictures that are no regular files, by path.
    picture_stream: where the picture goes if -output_image is stdout.
    page: the page of -preview; None without one, and in all processes but the first.
    """

    values: Mapping[str, Value]
    explicit: frozenset[str] = frozenset()
    generator_seed: int | None = None
    typed: frozenset[str] = frozenset()
    piped: Mapping[str, PipedFile] = field(default_factory=dict)
    picture_stream: BinaryIO | None = None
    page: 'Preview | None' = None

    @property
    def keeps_content_colors(self) -> bool:
        """Tell whether the picture gets the colours of the content image in the end."""
        return self.original_colors == 1 or self.color in ('content', 'luminance')

    @property
    def starts_at_once(self) -> bool:
        """Tell whether a picture, or the first frame of a scene, starts from that of -fast."""
        return split(self.init)[:1] == ['fast']

    @property
    def pooling_method(self) -> str:
        """Return 'avg', or 'max' for whatever else is given, as in the original."""
        return 'avg' if self.pooling == 'avg' else 'max'

    def comes_from_preset(self, name: str) -> bool:
        """Tell whether the value of a flag is that of the preset."""
        return self.preset != '' and name in self.explicit - self.typed

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__['values'][name]
        except KeyError:
            raise AttributeError(name) from None

    def with_values(self, **values: Value) -> 'Arguments':
        """Return a copy in which some flags have other values; explicit stays."""
        return replace(self, values={**self.values, **values})
