"""A memory of earlier fakes, from which the discriminator learns too."""

from typing import Any

import torch
from torch import Generator, Tensor

from course_utils.validation import check_count, check_tensor

__all__ = ["ImagePool"]


class ImagePool:
    """Keeps fakes of earlier steps, and mixes them among the new ones: the discriminator shall not forget old tricks.

    Until it is full, every image is kept and given back. From then on, each image is given back with probability ½;
    else it takes the place of a random one in the pool, which is given back instead.

    Args:
        size: images to keep; with 0 all come back as they are, and nothing is drawn.
        generator: PyTorch's global one if None.

    Source: Shrivastava et al. (2017), Learning from simulated and unsupervised images, section 2.3; as in the code of
    Zhu, Park, Isola and Efros (2017), section 4, with 50 images.
    """

    def __init__(self, size: int = 50, *, generator: Generator | None = None) -> None:
        self.size = check_count(size, "size", minimum=0)
        self._generator = generator
        self._kept: list[Tensor] = []

    def __len__(self) -> int:
        return len(self._kept)

    @torch.no_grad()
    def exchange(self, images: Tensor) -> Tensor:
        """As many images (batch, ...) as came, some of them from earlier calls; detached copies.

        Raises:
            TypeError: if the images are no floating-point tensor.
            ValueError: if they have another shape than those kept.
        """
        images = check_tensor(images, "images").detach()
        if self._kept and images.shape[1:] != self._kept[0].shape:
            raise ValueError(
                f"images must have the shape of those in the pool, (n, {', '.join(map(str, self._kept[0].shape))}), "
                f"got {tuple(images.shape)}"
            )
        if not self.size:
            return images.clone()
        device = "cpu" if self._generator is None else self._generator.device
        coins = torch.rand(len(images), generator=self._generator, device=device) < 0.5
        places = torch.randint(self.size, (len(images),), generator=self._generator, device=device)
        given = []
        for image, stays, place in zip(images, coins.tolist(), places.tolist(), strict=True):
            if len(self._kept) < self.size:
                self._kept.append(image.clone())
                given.append(image)
            elif stays:
                given.append(image)
            else:
                given.append(self._kept[place])
                self._kept[place] = image.clone()
        return torch.stack(given)

    def state_dict(self) -> dict[str, Any]:
        """The images kept, and the generator's state, for a checkpoint."""
        state = None if self._generator is None else self._generator.get_state()
        return {"kept": [image.clone() for image in self._kept], "size": self.size, "generator": state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken; raises ValueError if it was for another pool."""
        if state["size"] != self.size:
            raise ValueError(f"a pool of {state['size']} images, not of {self.size}")
        if (state["generator"] is None) != (self._generator is None):
            raise ValueError("a pool must have a generator if and only if it had one when saved")
        if self._generator is not None:
            self._generator.set_state(state["generator"])
        self._kept = [image.clone() for image in state["kept"]]
