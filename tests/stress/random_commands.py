"""Command lines drawn at random, good and bad, and the pictures that they name."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from neural_style.command.flags import command_line
from neural_style.command.presets import preset_files

ODD_NUMBERS = ['nan', 'inf', '-inf', '-1', '0', '1e30', '-1e30', '0.5', '1e-30', '0x10', '', 'abc']
ODD_WORDS = ['', 'nosuch', ',', '0', '-1', 'nan', 'a,b', 'ü', '%s', 'x' * 300, '\\,', '..']
LAYERS = [
    'relu1_1',
    'conv1_2',
    'pool1',
    'relu2_1',
    'relu3_1',
    'conv3_2',
    'relu4_2',
    'relu5_1',
    'fc6',
]


def folder_of_pictures(folder: Path) -> dict[str, str]:
    """Write small pictures of every format, and other files; return paths by name."""
    rng = np.random.default_rng(0)
    folder.mkdir()

    def noise(*shape):
        return Image.fromarray(rng.integers(0, 256, shape, np.uint8))

    rgb, rgba, grey = noise(24, 32, 3), noise(24, 32, 4), noise(24, 32)
    made = {
        'rgb.png': rgb,
        'rgb.jpg': rgb,
        'rgb.webp': rgb,
        'rgb.bmp': rgb,
        'rgb.gif': rgb,
        'rgb.tif': rgb,
        'rgb.tga': rgb,
        'rgb.ppm': rgb,
        'with space.jpg': rgb,
        'comma,name.png': rgb,
        'tübingen.png': rgb,
        'ends_with_dot.': rgb,
        'x' * 200 + '.png': rgb,
        'alpha.png': rgba,
        'alpha.webp': rgba,
        'grey.png': grey,
        'grey_alpha.png': noise(24, 32, 2),
        'bits16.png': Image.fromarray(rng.integers(0, 65536, (24, 32), np.uint16)),
        'float.tif': Image.fromarray(rng.random((24, 32), np.float32)),
        'bit.png': grey.convert('1'),
        'palette.png': rgb.quantize(16),
        'cmyk.jpg': rgb.convert('CMYK'),
        'pixel.png': noise(1, 1, 3),
        'line.png': noise(1, 300, 3),
        'white.png': Image.new('RGB', (32, 24), 'white'),
        'black.png': Image.new('L', (20, 30)),
    }
    for name, picture in made.items():
        picture.save(folder / name, 'PNG' if name == 'ends_with_dot.' else None)
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb.save(folder / 'turned.jpg', exif=exif)
    content = (folder / 'rgb.png').read_bytes()
    (folder / 'half.png').write_bytes(content[: len(content) // 2])
    (folder / 'empty.jpg').touch()
    (folder / 'text.jpg').write_text('no picture')
    (folder / 'folder.png').mkdir()
    return {path.name: str(path) for path in sorted(folder.iterdir())}


class Draw:
    """Draw command lines at random.

    pictures: what folder_of_pictures returns; earlier: the path of one with a recipe.
    """

    def __init__(self, rng: random.Random, pictures: dict[str, str], earlier: str):
        self.rng = rng
        self.pictures = pictures
        self.earlier = earlier
        choose = rng.choice
        number: dict[str, Callable[[], object]] = {
            'image_size': lambda: rng.randint(1, 80),
            'num_iterations': lambda: choose((0, 1, 2, 3, 5, 8, -1, 2.5)),
            'content_weight': lambda: choose((0, 1, 5, -1, 1e10)),
            'style_weight': lambda: choose((0, 1, 100, -1, 1e10)),
            'tv_weight': lambda: choose((0, 1e-3, 1, -1, 1e6)),
            'learning_rate': lambda: choose((0, 1, 10, -1, 1e6)),
            'lbfgs_num_correction': lambda: rng.randint(-1, 5),
            'print_iter': lambda: rng.randint(-1, 4),
            'save_iter': lambda: rng.randint(-1, 4),
            'style_scale': lambda: choose((0, 0.1, 0.5, 1, 1.7, 3, -1, '1,0.5', '2,0,1')),
            'seed': lambda: choose((-1, 0, 1, 2**33, 1.5)),
            'noise_scale': lambda: choose((0, 1e-3, 0.3, 20, -1)),
            'lbfgs_max_step': lambda: choose((0, 5, 0.1)),
            'fourier_decay': lambda: choose((0, 0.5, 1, 2)),
            'checkpoint_iter': lambda: rng.randint(0, 3),
            'adam_beta1': rng.random,
            'adam_beta2': rng.random,
            'adam_epsilon': lambda: choose((1e-8, 1)),
            'recolor_content': rng.random,
            'jpeg_quality': lambda: rng.randint(1, 100),
        }
        texts: dict[str, Callable[[], str]] = {
            'content_image': self.picture,
            'init_image': self.picture,
            'style_image': lambda: ','.join(self.picture() for _ in range(choose((1, 1, 2, 3)))),
            'paper_mask': lambda: choose(('auto', self.picture())),
            'paper_range': lambda: choose(('0.7,0.9', '0,1', '0.2,0.3')),
            'style_blend_weights': lambda: choose(('nil', '1', '1,2', '0,0', '3,4,5', '-1,1')),
            'gpu': lambda: '-1',
            'multigpu_strategy': lambda: choose(('', '3', '3,6')),
            'init': lambda: choose(('random', 'image')),
            'optimizer': lambda: choose(('lbfgs', 'adam')),
            'pooling': lambda: choose(('max', 'avg')),
            'backend': lambda: choose(('nn', 'cudnn')),
            'content_layers': self.layers,
            'style_layers': self.layers,
            'style_image_layers': lambda: choose(('all', 'relu1_1+relu2_1,all', self.layers())),
            'losses': lambda: choose(('neural_style', 'paper')),
            'missing_layers': lambda: choose(('warn', 'error')),
            'multiscale': lambda: choose(('', '1', '2', '3', '16', '20,30')),
            'precision': lambda: choose(('fp32', 'bf16', 'fp16', 'auto')),
            'color': lambda: choose(('content', 'style', 'luminance', 'match')),
            'color_transfer': lambda: choose(('mean', 'linear', 'cholesky', 'pca', 'histogram')),
            'style_size_by': lambda: choose(('side', 'width')),
            'memory': lambda: choose(('', '8G', '600M', '200M')),
            'parallel': lambda: 'layers',
            'checkpoint': lambda: 'state.checkpoint',
            'preset': lambda: choose((*preset_files(), 'list')),
            'rerun': lambda: choose((earlier, self.picture())),
            'output_image': lambda: choose(
                ('out.png', 'out.jpg', 'o.u.t.jpeg', 'out.ppm', 'OUT.PNG', 'ö ü.png', 'out.gif')
            ),
        }
        self.known = number | texts

    def picture(self) -> str:
        return self.pictures[self.rng.choice(list(self.pictures))]

    def layers(self) -> str:
        names = self.rng.sample(LAYERS, self.rng.randint(0, 4))
        if self.rng.random() < 0.8:
            names.sort(key=LAYERS.index)
        weighted = self.rng.random() < 0.2
        return ','.join(f'{name}:{self.rng.random():.2f}' if weighted else name for name in names)

    def value(self, name: str, default: str | float | bool) -> str:
        """Draw a value, mostly a sensible one; for flags unknown here, one of the right type."""
        odd = ODD_WORDS if isinstance(default, str) else ODD_NUMBERS
        # A run for ever is what was asked for.
        odd = [value for value in odd if not (name == 'num_iterations' and value == '1e30')]
        if self.rng.random() < 0.06:
            return self.rng.choice(odd)
        if name in self.known:
            return str(self.known[name]())
        if isinstance(default, str):
            return self.rng.choice([default, *odd])
        return str(self.rng.choice([default, 0, 1]))

    def command(self) -> list[str]:
        """Draw the words of a command line that ends soon."""
        defaults = command_line().defaults()
        usual = {'-gpu': '-1', '-image_size': '40', '-num_iterations': '3'}
        usual['-content_image'] = self.pictures['rgb.jpg']
        usual['-style_image'] = self.pictures['rgb.png']
        argv = [word for pair in usual.items() for word in pair]
        rare = {'preset': 0.3, 'rerun': 0.15}
        names = self.rng.sample(list(defaults), self.rng.randint(0, 12))
        for name in names:
            if self.rng.random() > rare.get(name, 1):
                continue
            dashes = '--' if self.rng.random() < 0.1 else '-'
            argv.append(dashes + name)
            if not isinstance(defaults[name], bool):
                argv.append(self.value(name, defaults[name]))
        if '-preset' in argv or '-rerun' in argv:  # their own numbers would take long
            argv += ['-num_iterations', '2', '-image_size', '40']
        if self.rng.random() < 0.03:
            argv.append(self.rng.choice(['-help', '-nosuch', 'positional', '-image_size']))
        return argv
