"""How the layers of a network run."""

from dataclasses import dataclass

# Outputs of at least this size are allocated outside the heap when no memory limit applies.
LARGE_OUTPUT_BYTES = 64 << 20


@dataclass(frozen=True)
class ExecutionOptions:
    """Says how the layers of a network run.

    exact: they round as Torch7 does.
    frozen: convolutions run in the network's precision, as FrozenConvolution.
    save_bitmasks: bitmasks are saved for the backward pass instead of activations.
    interior: whether the rows, and the columns, of the features are inside the image, so that
        convolutions leave out the margin that depends on padding.
    winograd: whether convolutions may be Winograd's.
    large_output_bytes: outputs of at least this size are allocated outside the heap, on a CPU.
    """

    exact: bool = False
    frozen: bool = False
    save_bitmasks: bool = False
    interior: tuple[bool, bool] = (False, False)
    winograd: bool = True
    large_output_bytes: int = LARGE_OUTPUT_BYTES

    @property
    def fuses(self) -> bool:
        """Tell whether convolutions run as FrozenConvolution, fused with the layers after them."""
        return self.frozen or self.save_bitmasks or any(self.interior)


DEFAULT_OPTIONS = ExecutionOptions()
