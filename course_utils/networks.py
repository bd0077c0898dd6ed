"""Small networks that train fast on a CPU, as plain `nn.Sequential`s of PyTorch's own layers.

A widget can read such a decoder layer by layer and run it in the browser. The convolutional ones change the
resolution by PixelUnshuffle and PixelShuffle, which only move numbers around, between ordinary convolutions.
"""

import copy
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_unshuffle
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from course_utils.validation import check_count, check_finite, check_tensor

__all__ = [
    "Activation",
    "LinearStack",
    "apply_in_batches",
    "check_image_shape",
    "conv_decoder",
    "conv_encoder",
    "fold_batch_norm",
    "mlp",
    "stack_models",
    "start_output_at",
    "unstack_models",
]

Activation = Callable[[], nn.Module]
Model = TypeVar("Model", bound=nn.Module)


def mlp(
    sizes: Sequence[int], *, activation: Activation = nn.SiLU, output: Activation | None = None
) -> nn.Sequential:
    """Linear layers with activations between them: `mlp([2, 64, 784], output=nn.Sigmoid)`.

    Args:
        sizes: number of inputs, of the units of each hidden layer, and of outputs; at least two numbers.
        activation: makes the layer that stands between two linear ones, such as `nn.SiLU`.
        output: makes the layer after the last linear one; none if None.

    Returns:
        Takes (batch, sizes[0]), gives (batch, sizes[-1]).

    Raises:
        ValueError: for fewer than two sizes, or one below 1.
    """
    sizes = [check_count(size, f"sizes[{i}]") for i, size in enumerate(sizes)]
    if len(sizes) < 2:
        raise ValueError(f"sizes must hold at least the numbers of inputs and of outputs, got {sizes}")
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), activation()]
    layers.pop()  # no activation after the last
    if output is not None:
        layers.append(output())
    return nn.Sequential(*layers)


def conv_encoder(
    image_shape: Sequence[int], latent_dim: int, *, width: int = 16, activation: Activation = nn.SiLU
) -> nn.Sequential:
    """Two 3×3 convolutions, each after a PixelUnshuffle that halves height and width, and a linear layer.

    Args:
        image_shape: (height, width) of grey images, or (channels, height, width); sides divisible by 4.
        latent_dim: number of outputs.
        width: channels of the first convolution; the second has twice as many.
        activation: makes the layer after each convolution.

    Returns:
        Takes (batch, *image_shape), gives (batch, latent_dim).

    Raises:
        ValueError: if a side is not divisible by 4, or a number is below 1.
    """
    channels, height, side = check_image_shape(image_shape)
    latent_dim, width = check_count(latent_dim, "latent_dim"), check_count(width, "width")
    grey = [nn.Unflatten(1, (1, height))] if len(image_shape) == 2 else []
    return nn.Sequential(
        *grey,
        nn.PixelUnshuffle(2),  # (batch, 4·channels, height/2, side/2)
        nn.Conv2d(4 * channels, width, 3, padding=1),
        activation(),
        nn.PixelUnshuffle(2),  # (batch, 4·width, height/4, side/4)
        nn.Conv2d(4 * width, 2 * width, 3, padding=1),
        activation(),
        nn.Flatten(),
        nn.Linear(2 * width * (height // 4) * (side // 4), latent_dim),
    )


def conv_decoder(
    latent_dim: int,
    image_shape: Sequence[int],
    *,
    width: int = 16,
    activation: Activation = nn.SiLU,
    output: Activation | None = None,
) -> nn.Sequential:
    """Mirror of `conv_encoder`: a linear layer, and two 3×3 convolutions, each before a PixelShuffle.

    Args:
        latent_dim: number of inputs.
        image_shape: (height, width) of grey images, or (channels, height, width); sides divisible by 4.
        width: channels after the first PixelShuffle; there are twice as many before its convolution.
        activation: makes the layers after the linear one and after the first PixelShuffle.
        output: makes the last layer, on the pixels, such as `nn.Sigmoid`; none if None.

    Returns:
        Takes (batch, latent_dim), gives (batch, *image_shape).

    Raises:
        ValueError: if a side is not divisible by 4, or a number is below 1.
    """
    channels, height, side = check_image_shape(image_shape)
    latent_dim, width = check_count(latent_dim, "latent_dim"), check_count(width, "width")
    grey = [nn.Flatten(1, 2)] if len(image_shape) == 2 else []
    return nn.Sequential(
        nn.Linear(latent_dim, 2 * width * (height // 4) * (side // 4)),
        activation(),
        nn.Unflatten(1, (2 * width, height // 4, side // 4)),
        nn.Conv2d(2 * width, 4 * width, 3, padding=1),
        nn.PixelShuffle(2),  # (batch, width, height/2, side/2)
        activation(),
        nn.Conv2d(width, 4 * channels, 3, padding=1),
        nn.PixelShuffle(2),  # (batch, channels, height, side)
        *([] if output is None else [output()]),
        *grey,
    )


INVERSES: dict[type[nn.Module], Callable[[Tensor], Tensor]] = {
    nn.Sigmoid: lambda mean: torch.logit(mean, eps=1e-3),
    nn.Tanh: lambda mean: torch.atanh(mean.clamp(-0.999, 0.999)),
}


@torch.no_grad()
def start_output_at(network: nn.Sequential, mean_image: Tensor) -> None:
    """Set the last bias so that an untrained decoder gives about `mean_image`, the mean of the data.

    The bias becomes f⁻¹(mean), with f the output activation: the logits of the mean for a sigmoid, whose
    argument is kept in [0.001, 0.999]. A convolution has one bias per channel, and takes the mean over it.

    Args:
        network: a decoder as `mlp`, `conv_decoder` and the constructors of `autoencoders` make them; changed
            in place.
        mean_image: (*image_shape), such as `images.mean(0)`.

    Raises:
        TypeError: if no linear or convolutional layer is there, or one follows that cannot be inverted.
        ValueError: if the mean image has not the shape that the network gives.
    """
    target = check_finite(check_tensor(mean_image, "mean_image"), "mean_image").unsqueeze(0)
    layers = list(network)
    inverses: list[Callable[[Tensor], Tensor]] = []  # of what acts on each number alone, the last first
    while layers and not isinstance(layers[-1], nn.Linear | nn.Conv2d):
        layer = layers.pop()
        if isinstance(layer, nn.Unflatten):
            target = target.flatten(1)
        elif isinstance(layer, nn.Flatten):
            target = target.unsqueeze(1)  # grey images: the channel comes back
        elif isinstance(layer, nn.PixelShuffle):
            target = pixel_unshuffle(target, layer.upscale_factor)
        elif type(layer) in INVERSES:
            inverses.append(INVERSES[type(layer)])
        else:
            raise TypeError(
                f"the output layer {layer} has no inverse here; sigmoid, tanh or none can be started at a mean"
            )
    if not layers:
        raise TypeError("network must hold a linear or convolutional layer whose bias can be set")
    bias = layers[-1].bias
    if not isinstance(bias, Tensor):
        raise TypeError(f"the last layer, {layers[-1]}, must have a bias")
    if target.shape[1] != len(bias):
        raise ValueError(
            f"mean_image must be an image as the network gives it, got shape {tuple(mean_image.shape)} for "
            f"{len(bias)} outputs; images.mean(0) is one"
        )
    target = target[0].flatten(1).mean(1) if target.ndim == 4 else target[0]
    for inverse in inverses:
        target = inverse(target)
    bias.copy_(target)


def fold_batch_norm(network: nn.Sequential) -> nn.Sequential:
    """Return a copy for evaluation, each batch norm put into the linear or convolutional layer before it.

    With fixed statistics a batch norm only scales and shifts each output, which that layer can do itself.

    Raises:
        ValueError: if a batch norm does not follow such a layer directly.
    """
    layers: list[Any] = []
    for layer in copy.deepcopy(network).eval():
        if isinstance(layer, nn.BatchNorm2d) and layers and isinstance(layers[-1], nn.Conv2d):
            layers[-1] = fuse_conv_bn_eval(layers[-1], layer)
        elif isinstance(layer, nn.BatchNorm1d) and layers and isinstance(layers[-1], nn.Linear):
            layers[-1] = fuse_linear_bn_eval(layers[-1], layer)
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            raise ValueError(
                f"network must have each batch norm right after a linear or convolutional layer, got {layer} after "
                f"{layers[-1] if layers else 'nothing'}"
            )
        else:
            layers.append(layer)
    return nn.Sequential(*layers)


class LinearStack(nn.Module):
    """Linear layers of one size, computed at once: the rows of x are cut into equal blocks, one for each layer.

    Args:
        layers: with the same numbers of inputs and outputs, all with a bias or all without.

    Attributes:
        weight: (n_layers, n_in, n_out).
        bias: (n_layers, 1, n_out); None without.
    """

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach().T for layer in layers]))
        biases = [layer.bias.detach()[None] for layer in layers if layer.bias is not None]
        self.bias = nn.Parameter(torch.stack(biases)) if biases else None

    def forward(self, x: Tensor) -> Tensor:
        """(n_layers·batch, n_out) for x (n_layers·batch, n_in), the rows of the first layer first.

        Raises:
            ValueError: if the rows cannot be shared out equally.
        """
        if x.ndim != 2 or len(x) % len(self.weight):
            raise ValueError(
                f"x must have shape (rows, {self.weight.shape[1]}), with a number of rows that {len(self.weight)} "
                f"models can share equally, got {tuple(x.shape)}"
            )
        blocks = x.reshape(len(self.weight), -1, x.shape[1])  # (n_layers, batch, n_in)
        if self.bias is None:
            return torch.bmm(blocks, self.weight).flatten(0, 1)
        return torch.baddbmm(self.bias, blocks, self.weight).flatten(0, 1)

    @torch.no_grad()
    def layer(self, number: int) -> nn.Linear:
        """A copy of one of the layers."""
        n_in, n_out = self.weight.shape[1:]
        plain = nn.Linear(n_in, n_out, bias=self.bias is not None).to(self.weight)
        plain.weight.copy_(self.weight[number].T)
        if self.bias is not None:
            plain.bias.copy_(self.bias[number, 0])
        return plain


def stack_models(models: Sequence[Model]) -> Model:
    """Put small models of one architecture side by side, to be trained at once, such as five seeds of one.

    The result is a model like each of them in which every linear layer is a `LinearStack`: of n·batch rows, the
    first `batch` go through the first model, and so on. So the usual training trains them all, with n times
    the batch size; the gradients of a mean loss are 1/n of those of each model alone, which Adam does not
    see. On a CPU, small models take about half the time of one after the other.

    Args:
        models: of linear layers and layers without weights, with the same shapes.

    Raises:
        ValueError: if there are none, or their weights differ in shape, or layers that are not linear
            have weights, or a layer is used twice.
    """
    if not models:
        raise ValueError("models must hold at least one model, got none")
    shapes = [[(name, tuple(weight.shape)) for name, weight in model.named_parameters()] for model in models]
    for number, other in enumerate(shapes):
        if other != shapes[0]:
            raise ValueError(
                f"models must have weights of the same names and shapes, but models[{number}] differs from models[0]"
            )
    modules = list(models[0].named_modules(remove_duplicate=False))
    linear = {name: module for name, module in modules if isinstance(module, nn.Linear)}
    for name, module in modules:
        own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        if own and name not in linear:
            raise ValueError(f"models must have weights in linear layers only, got {name}: {module}")
    if len(set(linear.values())) < len(linear):
        raise ValueError(
            f"models must use each linear layer in one place, got one in several of {', '.join(linear)}"
        )
    stack = copy.deepcopy(models[0])
    for name in linear:
        layers: list[Any] = [model.get_submodule(name) for model in models]
        stack = _replaced(stack, name, LinearStack(layers))
    return stack


def unstack_models(stack: Model) -> list[Model]:
    """Take apart what `stack_models` put together: one model each, with copies of the weights.

    Raises:
        ValueError: if there is no `LinearStack` in it.
    """
    stacks = {name: module for name, module in stack.named_modules() if isinstance(module, LinearStack)}
    if not stacks:
        raise ValueError("stack must come from stack_models, got a model without a LinearStack")
    models = [copy.deepcopy(stack) for _ in next(iter(stacks.values())).weight]
    for name, layers in stacks.items():
        models = [_replaced(model, name, layers.layer(number)) for number, model in enumerate(models)]
    return models


def _replaced(model: Any, name: str, module: nn.Module) -> Any:
    """The model with another module in the place of that name, which is "" for the model itself."""
    if not name:
        return module
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, module)
    return model


@torch.no_grad()
def apply_in_batches(function: Callable[[Tensor], Tensor], x: Tensor, *, size: int = 250) -> Tensor:
    """Return `function(x)`, computed on `size` rows at a time and without gradients, to save memory.

    Args:
        function: takes (batch, ...) and gives one row per row, such as `model.encode`.
        x: (n, ...), n at least 1.
        size: rows at a time.

    Returns:
        (n, ...), the results in order.

    Raises:
        ValueError: if x has no rows, or the size is below 1.
    """
    if not isinstance(x, Tensor) or x.ndim == 0 or len(x) == 0:
        came = f"shape {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"x must be a tensor (n, ...) with at least one row, got {came}")
    return torch.cat([function(part) for part in x.split(check_count(size, "size"))])


def check_image_shape(image_shape: Sequence[int]) -> tuple[int, int, int]:
    """Return (channels, height, width), 1 for grey images, if two halvings are possible, else raise."""
    shape = [check_count(size, "image_shape") for size in image_shape]
    if len(shape) not in (2, 3) or shape[-2] % 4 or shape[-1] % 4:
        raise ValueError(
            "image_shape must be (height, width) or (channels, height, width), both sides divisible by 4, "
            f"got {tuple(shape)}; pad the images with torch.nn.functional.pad"
        )
    return (1 if len(shape) == 2 else shape[0]), shape[-2], shape[-1]
