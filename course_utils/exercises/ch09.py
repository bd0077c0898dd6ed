"""Exercises of chapter 9: autoregressive models.

One convention: raster order, row by row from the upper left; log-probabilities in nats, summed over pixels, one number
per image.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from course_utils.exercises.exercise import Exercise, Question, seeded

__all__ = [
    "all_exercises",
    "bits_per_dim",
    "blind_spot",
    "bound_or_exact",
    "chain_log_prob",
    "draw_level",
    "lower_half",
    "made_masks",
    "pixel_mask",
    "questions",
    "recall_cycle",
    "recall_median",
    "recall_patches",
    "rows_seen",
    "score_or_sample",
    "skewed",
    "too_good",
]

CHAPTER = "ch09"


# --- chain_log_prob ---------------------------------------------------------------------------------


def chain_log_prob_reference(x: Tensor, logits: Tensor) -> Tensor:
    each = x * logsigmoid(logits) + (1 - x) * logsigmoid(-logits)  # log p(xᵢ | those before)
    return each.flatten(1).sum(1)


def chain_log_prob_mean(x: Tensor, logits: Tensor) -> Tensor:
    return chain_log_prob_reference(x, logits) / x[0].numel()


def chain_log_prob_loss(x: Tensor, logits: Tensor) -> Tensor:
    return -chain_log_prob_reference(x, logits)


def chain_log_prob_batch(x: Tensor, logits: Tensor) -> Tensor:
    return chain_log_prob_reference(x, logits).sum()


def chain_log_prob_bits(x: Tensor, logits: Tensor) -> Tensor:
    return chain_log_prob_reference(x, logits) / math.log(2)


def chain_log_prob_white(x: Tensor, logits: Tensor) -> Tensor:
    return (x * logsigmoid(logits)).flatten(1).sum(1)


def chain_log_prob_logits(x: Tensor, logits: Tensor) -> Tensor:
    return (x * logits - (1 - x) * logits).flatten(1).sum(1)


def chain_log_prob_sigmoid(x: Tensor, logits: Tensor) -> Tensor:
    p = torch.sigmoid(logits)
    return (x * p.log() + (1 - x) * (1 - p).log()).flatten(1).sum(1)


def chain_log_prob_chosen(x: Tensor, logits: Tensor) -> Tensor:
    p = torch.sigmoid(logits)
    return torch.where(x == 1, p, 1 - p).log().flatten(1).sum(1)


def coins(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(2, shape, generator=torch.Generator().manual_seed(seed)).float()


chain_log_prob = Exercise(
    "chain_log_prob",
    chapter=CHAPTER,
    task="x (batch, height, width) holds zeros and ones, logits (batch, height, width) what the model gives for each "
    "pixel from those before it; a model may be very sure, with logits of 100 or -100. Return log p(x) of each image, "
    "(batch,), in nats.",
    reference=chain_log_prob_reference,
    cases=lambda: [
        (coins(3, 4, 5), 2 * seeded(3, 4, 5)),
        (coins(2, 3, 3, seed=1), 50 * seeded(2, 3, 3, seed=1)),
    ],
    mistakes={
        "mean": (
            chain_log_prob_mean,
            "This is the mean over pixels. The log of a product of probabilities is the sum of their logs.",
        ),
        "loss": (chain_log_prob_loss, "This is -log p(x), the loss. A log-probability is at most 0 here."),
        "batch": (
            chain_log_prob_batch,
            "The images are added up as well. Sum over pixels only: one number per image.",
        ),
        "bits": (chain_log_prob_bits, "Divided by log 2, this is in bits. Asked for are nats."),
        "white": (
            chain_log_prob_white,
            "Only white pixels count here. A black pixel has a probability too, 1 - p, which is sigmoid(-logit).",
        ),
        "sigmoid": (
            chain_log_prob_sigmoid,
            "Right for small logits. The sigmoid of a very sure one is exactly 0 or 1, and 0 · log 0 is NaN. Take "
            "logsigmoid(logits) for white, logsigmoid(-logits) for black.",
        ),
        "chosen": (
            chain_log_prob_chosen,
            "Right for small logits. The sigmoid of a very sure one is exactly 0 or 1, and log 0 is minus infinity. "
            "Choose the sign of the logit first, then take logsigmoid.",
        ),
        "logits": (
            chain_log_prob_logits,
            "These are sums of logits. log p needs the sigmoid: logsigmoid(logits) for a white pixel.",
        ),
    },
    hints=[
        "Each pixel brings log p if it is white and log(1 - p) if it is black, with p = sigmoid(logit).",
        "For very sure logits use logsigmoid, and log(1 - p) = logsigmoid(-logits). Then .flatten(1).sum(1).",
    ],
)


# --- bits_per_dim -----------------------------------------------------------------------------------


def bits_per_dim_reference(log_prob: Tensor, n_dims: int) -> Tensor:
    return -log_prob / (n_dims * math.log(2))


def bits_per_dim_sign(log_prob: Tensor, n_dims: int) -> Tensor:
    return log_prob / (n_dims * math.log(2))


def bits_per_dim_nats(log_prob: Tensor, n_dims: int) -> Tensor:
    return -log_prob / n_dims


def bits_per_dim_times(log_prob: Tensor, n_dims: int) -> Tensor:
    return -log_prob * math.log(2) / n_dims


def bits_per_dim_image(log_prob: Tensor, n_dims: int) -> Tensor:
    return -log_prob / math.log(2)


bits_per_dim = Exercise(
    "bits_per_dim",
    chapter=CHAPTER,
    task="log_prob (batch,) holds log p(x) in nats per image, n_dims is the number of pixels times channels. Return "
    "the bits per dimension that papers on colour images report, (batch,).",
    reference=bits_per_dim_reference,
    cases=lambda: [
        (-50 - 10 * seeded(4).abs(), 784),
        (-3 * seeded(3, seed=1).abs(), 6),
        (torch.tensor([-7e3, -12e3]), 3_072),
    ],
    mistakes={
        "sign": (bits_per_dim_sign, "The sign: bits are a length, and positive. They come from -log p(x)."),
        "nats": (bits_per_dim_nats, "These are nats per dimension. One bit is log 2 nats."),
        "times": (
            bits_per_dim_times,
            "Nats become bits by dividing by log 2, not by multiplying: one fair coin is log 2 nats and 1 bit.",
        ),
        "image": (bits_per_dim_image, "These are bits per image. Divide by the number of dimensions."),
    },
    hints=[
        "A fair coin: log p = -log 2 nats, and 1 bit for its one dimension.",
        "-log_prob / (n_dims * math.log(2))",
    ],
)


# --- pixel_mask -------------------------------------------------------------------------------------


def pixel_mask_reference(kernel_size: int, mask_type: str) -> Tensor:
    mask = torch.zeros(kernel_size, kernel_size)
    centre = kernel_size // 2
    mask[:centre] = 1  # all rows above
    mask[centre, :centre] = 1  # what is left in the own row
    if mask_type == "B":
        mask[centre, centre] = 1
    return mask


def pixel_mask_swapped(kernel_size: int, mask_type: str) -> Tensor:
    return pixel_mask_reference(kernel_size, "A" if mask_type == "B" else "B")


def pixel_mask_always_b(kernel_size: int, mask_type: str) -> Tensor:
    return pixel_mask_reference(kernel_size, "B")


def pixel_mask_always_a(kernel_size: int, mask_type: str) -> Tensor:
    return pixel_mask_reference(kernel_size, "A")


def pixel_mask_corner(kernel_size: int, mask_type: str) -> Tensor:
    mask = pixel_mask_reference(kernel_size, mask_type)
    mask[:, kernel_size // 2 + 1 :] = 0
    return mask


def pixel_mask_columns(kernel_size: int, mask_type: str) -> Tensor:
    return pixel_mask_reference(kernel_size, mask_type).T.contiguous()


def pixel_mask_row(kernel_size: int, mask_type: str) -> Tensor:
    mask = pixel_mask_reference(kernel_size, mask_type)
    mask[kernel_size // 2] = 1
    return mask


def pixel_mask_future(kernel_size: int, mask_type: str) -> Tensor:
    return pixel_mask_reference(kernel_size, mask_type).flip(0, 1)


pixel_mask = Exercise(
    "pixel_mask",
    chapter=CHAPTER,
    task="Return the mask (kernel_size, kernel_size) of a masked convolution, kernel_size odd: 1 where the "
    "kernel may "
    'look, else 0. mask_type "A" is for the layer that reads the image, "B" for all others.',
    reference=pixel_mask_reference,
    cases=[(3, "A"), (3, "B"), (5, "A"), (7, "B")],
    mistakes={
        "swapped": (
            pixel_mask_swapped,
            "A and B are swapped. The first layer must not see the pixel that it is to predict; later ones may see "
            "their own place, since what is there knows only earlier pixels.",
        ),
        "always_b": (
            pixel_mask_always_b,
            "This is type B for both. In the first layer each pixel would see itself, and the loss fall to 0.",
        ),
        "always_a": (
            pixel_mask_always_a,
            "This is type A for both. It belongs to the first layer only: in later layers it throws away, layer by "
            "layer, the nearest pixels, and a 1×1 convolution would see nothing.",
        ),
        "corner": (
            pixel_mask_corner,
            "Above and to the right is missing: these pixels come earlier in raster order as well.",
        ),
        "columns": (
            pixel_mask_columns,
            "This is the order column by column. In raster order, whole rows above come first.",
        ),
        "row": (
            pixel_mask_row,
            "In its own row the kernel sees pixels to the right, which come later.",
        ),
        "future": (pixel_mask_future, "This is the mirror image: it sees what comes after, not before."),
    },
    hints=[
        "Three parts: the rows above the centre, the centre's own row to the left, and the centre itself.",
        "mask[:c] = 1; mask[c, :c] = 1; and mask[c, c] = 1 for type B, with c = kernel_size // 2.",
    ],
)


# --- rows_seen --------------------------------------------------------------------------------------


def rows_seen_reference(first_kernel: int, kernel_size: int, dilations: Sequence[int]) -> int:
    return first_kernel // 2 + sum(kernel_size // 2 * dilation for dilation in dilations)


def rows_seen_whole(first_kernel: int, kernel_size: int, dilations: Sequence[int]) -> int:
    return first_kernel - 1 + sum((kernel_size - 1) * dilation for dilation in dilations)


def rows_seen_plain(first_kernel: int, kernel_size: int, dilations: Sequence[int]) -> int:
    return first_kernel // 2 + kernel_size // 2 * len(dilations)


def rows_seen_product(first_kernel: int, kernel_size: int, dilations: Sequence[int]) -> int:
    return first_kernel // 2 * math.prod(kernel_size // 2 * dilation + 1 for dilation in dilations)


def rows_seen_first(first_kernel: int, kernel_size: int, dilations: Sequence[int]) -> int:
    return sum(kernel_size // 2 * dilation for dilation in dilations)


def rows_seen_own(first_kernel: int, kernel_size: int, dilations: Sequence[int]) -> int:
    return rows_seen_reference(first_kernel, kernel_size, dilations) + 1


rows_seen = Exercise(
    "rows_seen",
    chapter=CHAPTER,
    task="A PixelCNN has a first kernel of side first_kernel, and then one layer with a kernel of side "
    "kernel_size for each "
    "of the dilations (d: the kernel reads every d-th pixel). How many rows above its own does a pixel see, in "
    "a large "
    "image?",
    reference=rows_seen_reference,
    cases=[(7, 3, (1, 2, 4)), (3, 3, (1,)), (7, 5, (1, 1, 2)), (5, 3, ())],
    mistakes={
        "whole": (
            rows_seen_whole,
            "This is the height of a convolution without a mask. Only the upper half of each kernel is left.",
        ),
        "plain": (
            rows_seen_plain,
            "The dilations are missing: with dilation d, a kernel of 3 reaches d rows up.",
        ),
        "product": (rows_seen_product, "Reaches add up from layer to layer; they do not multiply."),
        "first": (rows_seen_first, "The first kernel is missing: it reaches first_kernel // 2 rows up."),
        "own": (rows_seen_own, "One too many: the pixel's own row does not count as above."),
    },
    hints=[
        "A kernel of side k, half of it masked, reaches k // 2 rows up, and with dilation d, d times as far.",
        "first_kernel // 2 + the sum of kernel_size // 2 * d over the dilations",
    ],
)


# --- made_masks -------------------------------------------------------------------------------------


def made_masks_reference(n_pixels: int, numbers: Tensor) -> tuple[Tensor, Tensor]:
    pixel = torch.arange(n_pixels)
    hidden = pixel[None, :] <= numbers[:, None]  # (n_hidden, n_pixels): a unit reads pixels up to its number
    output = numbers[None, :] < pixel[:, None]  # (n_pixels, n_hidden): pixel i reads units below i
    return hidden.float(), output.float()


def made_masks_lazy(n_pixels: int, numbers: Tensor) -> tuple[Tensor, Tensor]:
    hidden, _ = made_masks_reference(n_pixels, numbers)
    return hidden, (numbers[None, :] <= torch.arange(n_pixels)[:, None]).float()


def made_masks_strict(n_pixels: int, numbers: Tensor) -> tuple[Tensor, Tensor]:
    _, output = made_masks_reference(n_pixels, numbers)
    return (torch.arange(n_pixels)[None, :] < numbers[:, None]).float(), output


def made_masks_turned(n_pixels: int, numbers: Tensor) -> tuple[Tensor, Tensor]:
    hidden, output = made_masks_reference(n_pixels, numbers)
    return hidden.T.contiguous(), output.T.contiguous()


def made_masks_reversed(n_pixels: int, numbers: Tensor) -> tuple[Tensor, Tensor]:
    hidden, output = made_masks_reference(n_pixels, numbers)
    return 1 - hidden, 1 - output


def made_masks_order(n_pixels: int, numbers: Tensor) -> tuple[Tensor, Tensor]:
    hidden, output = made_masks_reference(n_pixels, numbers)
    return output, hidden


made_masks = Exercise(
    "made_masks",
    chapter=CHAPTER,
    task="MADE with one hidden layer. Unit k has the number numbers[k], and reads pixels 0 to numbers[k], inclusive. "
    "The output of pixel i reads units with numbers below i. "
    "Return both masks: (n_hidden, n_pixels) and (n_pixels, n_hidden), floats.",
    reference=made_masks_reference,
    cases=lambda: [
        (4, torch.tensor([0, 0, 1, 2, 2])),
        (3, torch.tensor([1, 0])),
        (5, torch.tensor([3, 1, 2])),
    ],
    mistakes={
        "lazy": (
            made_masks_lazy,
            "With numbers up to i, the output of pixel i reads units that have seen pixel i: it predicts what "
            "it sees.",
        ),
        "strict": (
            made_masks_strict,
            "Both comparisons are strict. Then one pixel too many is hidden: the output of pixel i never sees pixel "
            "i - 1.",
        ),
        "turned": (
            made_masks_turned,
            "The masks are transposed: rows are what is computed, columns what is read.",
        ),
        "reversed": (made_masks_reversed, "Ones and zeros are exchanged: 1 where a weight may stay."),
        "order": (made_masks_order, "The two masks are in the wrong order: first the hidden layer's."),
    },
    hints=[
        "Compare a row of pixel numbers with a column of unit numbers: pixel[None, :] <= numbers[:, None].",
        "And numbers[None, :] < pixel[:, None] for the output, strictly. Then .float().",
    ],
)


# --- skewed -----------------------------------------------------------------------------------------


def skewed_reference(x: Tensor) -> Tensor:
    height, width = x.shape
    result = torch.zeros(height, height + width - 1, dtype=x.dtype)
    for row in range(height):
        result[row, row : row + width] = x[row]
    return result


def skewed_other_way(x: Tensor) -> Tensor:
    return skewed_reference(x.flip(0)).flip(0)


def skewed_rolled(x: Tensor) -> Tensor:
    return torch.stack([row.roll(number) for number, row in enumerate(x)])


def skewed_down(x: Tensor) -> Tensor:
    return skewed_reference(x.T).T.contiguous()


def skewed_wide(x: Tensor) -> Tensor:
    return torch.nn.functional.pad(skewed_reference(x), (0, 1))


skewed = Exercise(
    "skewed",
    chapter=CHAPTER,
    task="Shift row i of x (height, width) to the right by i, into zeros, so that each diagonal becomes a "
    "column: return "
    "(height, height + width - 1). Pixels of one column can then be computed at the same time.",
    reference=skewed_reference,
    cases=lambda: [(seeded(3, 4),), (seeded(4, 2, seed=1),)],
    mistakes={
        "other_way": (
            skewed_other_way,
            "Lower rows are shifted less than upper ones, so that a pixel comes before its upper neighbour. "
            "Shift row i by i.",
        ),
        "rolled": (
            skewed_rolled,
            "What is pushed out on the right comes in again on the left. Make the result wider instead.",
        ),
        "down": (skewed_down, "Columns are shifted down here. Shift rows to the right."),
        "wide": (skewed_wide, "One column too many: the last row ends at height + width - 1."),
    },
    hints=[
        "Begin with zeros of the final size, and write row i into columns i to i + width - 1.",
        "result[row, row : row + width] = x[row]",
    ],
)


# --- draw_level -------------------------------------------------------------------------------------


def draw_level_reference(logits: Tensor, uniform: Tensor) -> Tensor:
    below = logits.softmax(1).cumsum(1)[:, :-1]  # the probability of each level and those below it
    return (uniform[:, None] >= below).sum(1)


def draw_level_argmax(logits: Tensor, uniform: Tensor) -> Tensor:
    return logits.argmax(1)


def draw_level_single(logits: Tensor, uniform: Tensor) -> Tensor:
    return (uniform[:, None] >= logits.softmax(1)[:, :-1]).sum(1)


def draw_level_logits(logits: Tensor, uniform: Tensor) -> Tensor:
    return (uniform[:, None] >= logits.cumsum(1)[:, :-1]).sum(1)


def draw_level_above(logits: Tensor, uniform: Tensor) -> Tensor:
    return (uniform[:, None] < logits.softmax(1).cumsum(1)[:, :-1]).sum(1)


def draw_level_one_more(logits: Tensor, uniform: Tensor) -> Tensor:
    return draw_level_reference(logits, uniform) + 1


draw_level = Exercise(
    "draw_level",
    chapter=CHAPTER,
    task="Draw a level for each pixel: logits (n, n_levels), and one number uniform (n,) in [0, 1) each. Return "
    "the level "
    "(n,), from 0: the first whose cumulated probability is above the uniform number.",
    reference=draw_level_reference,
    cases=lambda: [
        (seeded(40, 5), torch.rand(40, generator=torch.Generator().manual_seed(1))),
        (3 * seeded(30, 2, seed=2), torch.rand(30, generator=torch.Generator().manual_seed(3))),
    ],
    mistakes={
        "argmax": (
            draw_level_argmax,
            "This is the most probable level, every time. The samples would all be alike: draw.",
        ),
        "single": (
            draw_level_single,
            "The uniform number is compared with each probability, not with their cumulated sum.",
        ),
        "logits": (draw_level_logits, "Logits are no probabilities: take softmax first."),
        "above": (
            draw_level_above,
            "The levels come in reverse order: count the cumulated probabilities that are at most the uniform "
            "number.",
        ),
        "one_more": (draw_level_one_more, "Levels count from 0."),
    },
    hints=[
        "Lay the probabilities one after the other on the line from 0 to 1. Where does the uniform number fall?",
        "Count how many of the cumulated probabilities, without the last, are at most the uniform number.",
    ],
)


# --- questions --------------------------------------------------------------------------------------

recall_median = Question(
    "recall_median",
    chapter=CHAPTER,
    text="An outline has several right answers, and a translator minimises the mean absolute error. What does "
    "it paint?",
    choices={
        "a": (
            "One of the answers, at random",
            "There is nothing random in it, and no loss that asks for it.",
        ),
        "b": ("The median, pixel by pixel", "Below and above it lie equally many answers.", True),
        "c": ("The mean, pixel by pixel", "That is the best answer under the squared error."),
    },
)
recall_patches = Question(
    "recall_patches",
    chapter=CHAPTER,
    text="A discriminator of patches sees 16 pixels a side. What can it not notice?",
    choices={
        "a": ("A sky that is neither day nor night", "That is seen in any one patch of sky."),
        "b": ("Blurred edges", "Those are seen from close up."),
        "c": (
            "Two suns, in corners that are more than 16 pixels apart",
            "No patch contains both, and each corner is plausible. What a model sees decides what it can learn: so "
            "it is in this chapter.",
            True,
        ),
    },
)
recall_cycle = Question(
    "recall_cycle",
    chapter=CHAPTER,
    text="There and back, the cycle loss is nearly 0. What has been proved?",
    choices={
        "a": ("That the translation keeps what one can see", "It may be hidden in faint noise."),
        "b": ("That the information is still there, somewhere", "But not where, nor in which form.", True),
        "c": ("That the discriminators are content", "They have no part in the cycle loss."),
    },
)
too_good = Question(
    "too_good",
    chapter=CHAPTER,
    text="A PixelCNN on binarised MNIST reaches -0.02 nats per image after two minutes. What has happened?",
    choices={
        "a": (
            "Its first layer has a mask of type B: it sees the pixels that it predicts",
            "Then log p(x) is near 0 for every image, and samples are all black, as in section 9.3. "
            "Look at the Jacobian.",
            True,
        ),
        "b": (
            "It has learned the training images by heart",
            "In two minutes, and with new coins in every batch, it cannot.",
        ),
        "c": (
            "It is an excellent model",
            "The coins of the binarisation alone cost about 45 nats, and the best models pay some 80.",
        ),
    },
)
blind_spot = Question(
    "blind_spot",
    chapter=CHAPTER,
    text="Which of these has a blind spot to the upper right?",
    choices={
        "a": (
            "One masked convolution of 7×7, alone",
            "Its kernel sees the upper right as well as the upper left. It only does not reach far.",
        ),
        "b": (
            "One stack of masked convolutions of 3×3, type A and then B",
            "Each layer goes one row up and at most one column to the right: what is flatter is never reached.",
            True,
        ),
        "c": (
            "A vertical and a horizontal stack, linked",
            "The vertical one sees rows above in full width, so it is the cure.",
        ),
    },
)
bound_or_exact = Question(
    "bound_or_exact",
    chapter=CHAPTER,
    text="A VAE reports -89.1 nats (ELBO), a PixelCNN -84 nats, on the same binarised test images. What follows?",
    choices={
        "a": (
            "The PixelCNN is better by 5.1 nats",
            "-89.1 is a bound. The VAE's log p(x) is above it, by a gap that is not known from this.",
        ),
        "b": (
            "Nothing, since the two are different kinds of model",
            "Both give probabilities to the same images, so log p(x) can be compared, if it is known.",
        ),
        "c": (
            "Not yet that the PixelCNN is better: estimate the VAE's log p(x) first",
            "By importance sampling, as in chapter 4. For the PixelCNN there is nothing to estimate.",
            True,
        ),
    },
)
score_or_sample = Question(
    "score_or_sample",
    chapter=CHAPTER,
    text="Why is a PixelCNN's log p(x) computed in one pass, while a sample takes one step for each pixel?",
    choices={
        "a": (
            "To score, all pixels are there already; to draw, each needs those drawn before it",
            "With all inputs known, the predictions of all places can be computed side by side.",
            True,
        ),
        "b": ("Drawing random numbers is slow", "784 random numbers take microseconds."),
        "c": (
            "Scores are computed only approximately",
            "They are exact: the same numbers that the sampler would see.",
        ),
    },
)
lower_half = Question(
    "lower_half",
    chapter=CHAPTER,
    text="The lower half of a digit is known, the upper half hidden. You draw the upper half with the PixelCNN, "
    "pixel by pixel "
    "in raster order, and put the lower half below it. Is this a draw from p(upper | lower)?",
    choices={
        "a": ("Yes, by the chain rule", "The chain rule gives p(upper), not given what comes later."),
        "b": (
            "No: the upper half was drawn without regard to the lower one",
            "Raster order conditions on what comes before only. It would need another order, or many draws and "
            "weights.",
            True,
        ),
        "c": ("Yes, if the model sees all pixels before", "The lower half comes after, in raster order."),
    },
)

all_exercises = [chain_log_prob, bits_per_dim, pixel_mask, rows_seen, made_masks, skewed, draw_level]
questions = [
    recall_median,
    recall_patches,
    recall_cycle,
    too_good,
    blind_spot,
    bound_or_exact,
    score_or_sample,
    lower_half,
]
