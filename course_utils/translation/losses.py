"""What a translation costs beside the verdict of a discriminator: means over batch and pixels, to be minimised."""

from torch import Tensor

__all__ = ["absolute_error", "cycle_loss", "identity_loss"]


def absolute_error(made: Tensor, target: Tensor) -> Tensor:
    """E|made - target|, the L1 term of pix2pix, per pixel and channel; the best single answer is a median.

    Args:
        made: images (batch, ...).
        target: of the same shape.

    Raises:
        ValueError: if the shapes differ.

    Source: Isola, Zhu, Zhou and Efros (2017), Image-to-image translation with conditional adversarial networks,
    equation 3.
    """
    if made.shape != target.shape:
        raise ValueError(
            f"made and target are compared pixel by pixel and must have one shape, got {tuple(made.shape)} and "
            f"{tuple(target.shape)}"
        )
    return (made - target).abs().mean()


def cycle_loss(a: Tensor, a_back: Tensor, b: Tensor, b_back: Tensor) -> Tensor:
    """E|F(G(a)) - a| + E|G(F(b)) - b|: what went to the other side and back shall be what it was.

    Args:
        a: images of domain A.
        a_back: the same, translated to B and back.
        b: images of domain B.
        b_back: the same, translated to A and back.

    Raises:
        ValueError: if an image and its return differ in shape.

    Source: Zhu, Park, Isola and Efros (2017), Unpaired image-to-image translation using cycle-consistent adversarial
    networks, equation 2.
    """
    return absolute_error(a_back, a) + absolute_error(b_back, b)


def identity_loss(a: Tensor, a_kept: Tensor, b: Tensor, b_kept: Tensor) -> Tensor:
    """E|F(a) - a| + E|G(b) - b|: what is on the right side already shall stay as it is.

    Args:
        a: images of domain A.
        a_kept: the same, given to the translator to A.
        b: images of domain B.
        b_kept: the same, given to the translator to B.

    Raises:
        ValueError: if an image and its translation differ in shape.

    Source: Zhu, Park, Isola and Efros (2017), section 5.2, "Photo generation from paintings".
    """
    return absolute_error(a_kept, a) + absolute_error(b_kept, b)
