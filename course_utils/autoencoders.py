"""Autoencoders: an encoder and a decoder, trained together to give back what went in.

Source: Rumelhart, Hinton and Williams (1986); denoising, Vincent et al. (2008).
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_utils import training
from course_utils.history import History
from course_utils.networks import Activation, conv_decoder, conv_encoder, mlp
from course_utils.validation import check_choice, check_count, check_finite, check_number, check_tensor

__all__ = [
    "Autoencoder",
    "add_noise",
    "conv_autoencoder",
    "fit_autoencoder",
    "linear_autoencoder",
    "mlp_autoencoder",
    "squared_error",
]

OUTPUTS: dict[str, Activation | None] = {"sigmoid": nn.Sigmoid, "linear": None}


class Autoencoder(nn.Module):
    """An encoder from images to codes and a decoder back; `mlp_autoencoder` and its friends make one.

    Args:
        encoder: takes images (batch, *image_shape), gives codes (batch, latent_dim).
        decoder: takes codes, gives images; its first linear layer has latent_dim inputs.

    Attributes:
        latent_dim: numbers in a code.
        image_shape: (height, width) of grey images, or (channels, height, width).

    Raises:
        ValueError: if the two do not fit together.
    """

    def __init__(self, encoder: nn.Sequential, decoder: nn.Sequential) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        first = next((layer for layer in decoder.modules() if isinstance(layer, nn.Linear)), None)
        if first is None:
            raise ValueError("decoder must hold a linear layer: its inputs are the code")
        self.latent_dim = first.in_features
        self.image_shape, code_shape = _shapes(encoder, decoder, first.weight)
        if code_shape != (self.latent_dim,):
            raise ValueError(
                f"encoder must give the codes that the decoder takes, of shape ({self.latent_dim},), "
                f"got {code_shape}"
            )

    def encode(self, x: Tensor) -> Tensor:
        """Codes (batch, latent_dim) of images (batch, *image_shape)."""
        _check_rows(x, self.image_shape, "x", "images")
        return self.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        """Images (batch, *image_shape) of codes (batch, latent_dim)."""
        _check_rows(z, (self.latent_dim,), "z", "codes")
        return self.decoder(z)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstructions (batch, *image_shape) of images: decode(encode(x))."""
        return self.decode(self.encode(x))


def mlp_autoencoder(
    image_shape: Sequence[int],
    latent_dim: int,
    *,
    hidden: Sequence[int] = (400, 200),
    activation: Activation = nn.SiLU,
    output: str = "sigmoid",
) -> Autoencoder:
    """Autoencoder of linear layers; the decoder mirrors the encoder.

    Args:
        image_shape: (height, width) of grey images, or (channels, height, width).
        latent_dim: numbers in a code.
        hidden: units of the encoder's hidden layers, those of the decoder in reverse; may be empty.
        activation: makes the layer between two linear ones; none follows the code.
        output: "sigmoid", for pixels in [0, 1], or "linear".

    Raises:
        ValueError: for an unknown output, or a number below 1.
    """
    shape = _check_image_shape(image_shape)
    sizes = [torch.Size(shape).numel(), *hidden, check_count(latent_dim, "latent_dim")]
    last = OUTPUTS[check_choice(output, "output", OUTPUTS)]
    return Autoencoder(
        nn.Sequential(nn.Flatten(), *mlp(sizes, activation=activation)),
        nn.Sequential(*mlp(sizes[::-1], activation=activation, output=last), nn.Unflatten(1, shape)),
    )


def linear_autoencoder(image_shape: Sequence[int], latent_dim: int) -> Autoencoder:
    """Autoencoder of one linear layer, with bias, on each side: at its best, the projection that PCA finds."""
    return mlp_autoencoder(image_shape, latent_dim, hidden=(), output="linear")


def conv_autoencoder(
    image_shape: Sequence[int],
    latent_dim: int,
    *,
    width: int = 16,
    activation: Activation = nn.SiLU,
    output: str = "sigmoid",
) -> Autoencoder:
    """Autoencoder of two convolutions on each side, `conv_encoder` and `conv_decoder` of `networks`.

    Args:
        image_shape: (height, width) of grey images, or (channels, height, width); sides divisible by 4.
        latent_dim: numbers in a code.
        width: channels at half the resolution; twice as many at a quarter.
        activation: makes the layer after each layer but the last of encoder and decoder.
        output: "sigmoid", for pixels in [0, 1], or "linear".

    Raises:
        ValueError: for an unknown output, sides not divisible by 4, or a number below 1.
    """
    last = OUTPUTS[check_choice(output, "output", OUTPUTS)]
    return Autoencoder(
        conv_encoder(image_shape, latent_dim, width=width, activation=activation),
        conv_decoder(latent_dim, image_shape, width=width, activation=activation, output=last),
    )


def squared_error(x: Tensor, reconstruction: Tensor) -> Tensor:
    """Σⱼ (xⱼ - x̂ⱼ)² over all pixels of each image.

    Args:
        x: (batch, ...) images.
        reconstruction: (batch, ...) x̂, the same shape.

    Returns:
        (batch,) squared units of x per image, summed over pixels.

    Raises:
        ValueError: if the shapes differ.
    """
    _check_same_shape(x, reconstruction)
    return (x - reconstruction).square().flatten(1).sum(1)


def add_noise(images: Tensor, std: float, *, generator: Generator | None = None) -> Tensor:
    """Images plus Gaussian noise of standard deviation `std`, in units of x; what leaves [0, 1] stays outside.

    A generator on the CPU gives the same noise whatever device the images are on.
    """
    std = check_number(std, "std", minimum=0)
    device = images.device if generator is None else generator.device
    noise = torch.randn(images.shape, generator=generator, device=device, dtype=images.dtype)
    return images + std * noise.to(images.device)


def fit_autoencoder(
    model: Autoencoder,
    images: Tensor,
    *,
    n_steps: int,
    batch_size: int = 256,
    learning_rate: float = 2e-3,
    objective: Callable[[Tensor, Tensor], Tensor] = squared_error,
    noise: float | Callable[..., Tensor] | None = None,
    average: float | None = None,
    generator: Generator | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 500,
    measure: Callable[[Autoencoder], Mapping[str, float]] | None = None,
    measure_every: int = 500,
    label: str = "autoencoder",
) -> History:
    """Train an autoencoder in place, by Adam with a learning rate that falls to 0 along half a cosine.

    Computes on one thread: see `training.threads`.

    Args:
        model: on the images' device and of their dtype.
        images: (n, *image_shape), in memory.
        n_steps: number of mini-batches.
        batch_size: images in each, at most n.
        learning_rate: the first one.
        objective: takes clean images and reconstructions, gives (batch,) losses, such as `squared_error`.
        noise: what corrupts the input, while the clean images stay the target: a standard deviation, or a
            function such as `add_noise`, called as `noise(x, generator=generator)`; none if None.
        average: decay of a moving average of the weights (`training.Average`), which the model has at the
            end in place of its last ones; none if None.
        generator: for the mini-batches and the noise; PyTorch's global one if None.
        checkpoint: a file; if it exists, the training goes on from there, bit for bit as if never stopped.
        checkpoint_every: steps between saves.
        measure: called as `measure(model)` without gradients, gives numbers by name to record.
        measure_every: steps between those calls; there is one after the last step in any case.
        label: name of the training, for the progress bar.

    Returns:
        History of "loss", the mean of the objective over each mini-batch, and of what `measure` gave.

    Raises:
        ValueError: if the images do not fit the model, or a number is out of range.
        FloatingPointError: if the loss becomes NaN.
        CheckpointError: if the file is damaged or of another training.
    """
    _check_rows(images, model.image_shape, "images", "images")
    check_finite(images, "images")
    n_steps = check_count(n_steps, "n_steps")
    measure_every = check_count(measure_every, "measure_every")
    learning_rate = check_number(learning_rate, "learning_rate", above=0)
    corrupt = _corruption(noise, generator)

    batches = training.batches(images, batch_size, generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
    averaged = None if average is None else training.Average(model, average)
    changing: dict[str, Any] = {"model": model, "optimizer": optimizer, "batches": batches}
    if averaged is not None:
        changing["average"] = averaged
    saved = None if checkpoint is None else training.Checkpoint(checkpoint, checkpoint_every, **changing)

    history = History()
    with training.threads(1):
        for step in training.steps(n_steps, history, checkpoint=saved, label=label):
            optimizer.param_groups[0]["lr"] = learning_rate * training.cosine(step, n_steps)
            x = next(batches)
            loss = objective(x, model(corrupt(x))).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if averaged is not None:
                averaged.update()
            history.record(loss=loss)
            if measure is not None and ((step + 1) % measure_every == 0 or step + 1 == n_steps):
                current: Any = model if averaged is None else averaged.module
                with torch.no_grad():
                    history.record(None, **measure(current))
    if averaged is not None:
        model.load_state_dict(averaged.module.state_dict())
    return history


def _corruption(
    noise: float | Callable[..., Tensor] | None, generator: Generator | None
) -> Callable[[Tensor], Tensor]:
    if noise is None:
        return lambda x: x
    if callable(noise):
        return lambda x: noise(x, generator=generator)
    std = check_number(noise, "noise", minimum=0)
    return lambda x: add_noise(x, std, generator=generator)


@torch.no_grad()
def _shapes(
    encoder: nn.Sequential, decoder: nn.Sequential, like: Tensor
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shapes of an image that the decoder gives, and of the code that the encoder makes of it."""
    modes = [(module, module.training) for part in (encoder, decoder) for module in part.modules()]
    for module, _ in modes:
        module.training = False  # a batch norm must not count this image, a dropout must not draw
    try:
        image = decoder(like.new_zeros(1, like.shape[1]))
        try:
            code = encoder(image)
        except RuntimeError as error:
            raise ValueError(
                f"encoder must take the images that the decoder gives, of shape {tuple(image.shape[1:])}: {error}"
            ) from error
    finally:
        for module, was_training in modes:
            module.training = was_training
    return tuple(image.shape[1:]), tuple(code.shape[1:])


def _check_image_shape(image_shape: Sequence[int]) -> tuple[int, ...]:
    shape = tuple(check_count(size, "image_shape") for size in image_shape)
    if len(shape) not in (2, 3):
        raise ValueError(
            f"image_shape must be (height, width) or (channels, height, width), got {tuple(image_shape)}"
        )
    return shape


def _check_rows(x: Tensor, shape: tuple[int, ...], name: str, what: str) -> None:
    check_tensor(x, name)
    if tuple(x.shape[1:]) == shape and x.ndim > 0:
        return
    cure = ""
    if tuple(x.shape) == shape:
        cure = f"; {name}.unsqueeze(0) makes a batch of one"
    elif x.ndim > 1 and x[0].numel() == torch.Size(shape).numel():
        cure = f"; {name}.reshape(-1, {', '.join(map(str, shape))}) gives the shape"
    wanted = ", ".join(["batch", *map(str, shape)])
    raise ValueError(f"{name} must be {what} of shape ({wanted}), got {tuple(x.shape)}{cure}")


def _check_same_shape(x: Tensor, reconstruction: Tensor) -> None:
    if x.shape != reconstruction.shape:
        raise ValueError(
            f"reconstruction must have the shape of x, {tuple(x.shape)}, got {tuple(reconstruction.shape)}"
        )
