"""Exercises of chapter 8: image translation with pairs and without.

One convention: images have values in [0, 1], a discriminator gives logits that are high for real images, losses are
means over batch, channels and pixels, to be minimised.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import softplus

from course_utils.exercises.exercise import Exercise, Question, seeded

__all__ = [
    "all_exercises",
    "best_under_l1",
    "blind_patches",
    "cycle_loss",
    "hidden_message",
    "one_answer",
    "pix2pix_loss",
    "quantised",
    "questions",
    "recall_ignored",
    "recall_mismatched",
    "recall_same_caption",
    "seen_pair",
    "side_of_patch",
    "two_times",
    "without_the_cycle",
    "zero_cycle",
]

CHAPTER = "ch08"


def images(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


# --- best_under_l1 ----------------------------------------------------------------------------------


def best_under_l1_reference(targets: Tensor) -> Tensor:
    return targets.median(dim=0).values  # pixel by pixel: the middle one of the sorted values


def best_under_l1_mean(targets: Tensor) -> Tensor:
    return targets.mean(0)


def best_under_l1_middle(targets: Tensor) -> Tensor:
    return (targets.amin(0) + targets.amax(0)) / 2


def best_under_l1_global(targets: Tensor) -> Tensor:
    return targets.median().expand(targets.shape[1:])


def best_under_l1_first(targets: Tensor) -> Tensor:
    return targets[0]


def best_under_l1_nearest(targets: Tensor) -> Tensor:
    costs = (targets[:, None] - targets).abs().flatten(2).mean(2).sum(0)
    return targets[costs.argmin()]


def best_under_l1_pixels(targets: Tensor) -> Tensor:
    return targets.flatten(1).median(1).values.mean().expand(targets.shape[1:])


best_under_l1 = Exercise(
    "best_under_l1",
    chapter=CHAPTER,
    task="One outline has these right answers, targets of shape (n, height, width), n odd, all equally frequent. "
    "Return the one image (height, width) with the smallest mean absolute error to them.",
    reference=best_under_l1_reference,
    cases=lambda: [(images(5, 3, 4),), (images(9, 2, 2, seed=1) ** 3,), (images(3, 4, 3, seed=2),)],
    mistakes={
        "mean": (
            best_under_l1_mean,
            "This is the mean, the best answer under the squared error. Under the absolute error it is another one: "
            "what is the derivative of |x - t| on either side of t?",
        ),
        "middle": (
            best_under_l1_middle,
            "This is the middle between the darkest and the brightest value. How many targets lie above, how many "
            "below, should decide, not how far away the extremes are.",
        ),
        "global": (
            best_under_l1_global,
            "This is one number for the whole image. Each pixel is a problem of its own: take the median over the "
            "targets, dim=0.",
        ),
        "first": (
            best_under_l1_first,
            "This is one of the right answers. Another image costs less on average.",
        ),
        "nearest": (
            best_under_l1_nearest,
            "This is the best one of the targets. The best image need not be one of them: choose each pixel freely.",
        ),
        "over_pixels": (
            best_under_l1_pixels,
            "The medians are taken over the pixels of each target. Take them over the targets, for each pixel.",
        ),
    },
    hints=[
        "Each pixel can be chosen on its own. Moving it up by a little costs 1 for each target below, and saves 1 for "
        "each target above.",
        "As many above as below: targets.median(dim=0).values.",
    ],
)


# --- pix2pix_loss -----------------------------------------------------------------------------------


def pix2pix_loss_reference(fake_logits: Tensor, made: Tensor, target: Tensor, l1_weight: float) -> Tensor:
    verdict = softplus(-fake_logits).mean()  # -log D, over all patches of all images
    return verdict + l1_weight * (made - target).abs().mean()


def pix2pix_loss_discriminator(fake_logits: Tensor, made: Tensor, target: Tensor, l1_weight: float) -> Tensor:
    return softplus(fake_logits).mean() + l1_weight * (made - target).abs().mean()


def pix2pix_loss_minimax(fake_logits: Tensor, made: Tensor, target: Tensor, l1_weight: float) -> Tensor:
    return -softplus(fake_logits).mean() + l1_weight * (made - target).abs().mean()


def pix2pix_loss_squared(fake_logits: Tensor, made: Tensor, target: Tensor, l1_weight: float) -> Tensor:
    return softplus(-fake_logits).mean() + l1_weight * (made - target).square().mean()


def pix2pix_loss_sum(fake_logits: Tensor, made: Tensor, target: Tensor, l1_weight: float) -> Tensor:
    return softplus(-fake_logits).mean() + l1_weight * (made - target).abs().flatten(1).sum(1).mean()


def pix2pix_loss_unweighted(fake_logits: Tensor, made: Tensor, target: Tensor, l1_weight: float) -> Tensor:
    return softplus(-fake_logits).mean() + (made - target).abs().mean()


def pix2pix_loss_both_weighted(fake_logits: Tensor, made: Tensor, target: Tensor, l1_weight: float) -> Tensor:
    return l1_weight * (softplus(-fake_logits).mean() + (made - target).abs().mean())


def pix2pix_loss_signed(fake_logits: Tensor, made: Tensor, target: Tensor, l1_weight: float) -> Tensor:
    return softplus(-fake_logits).mean() + l1_weight * (made - target).mean()


def pix2pix_loss_patch_sum(fake_logits: Tensor, made: Tensor, target: Tensor, l1_weight: float) -> Tensor:
    return softplus(-fake_logits).flatten(1).sum(1).mean() + l1_weight * (made - target).abs().mean()


def pix2pix_loss_mean_logit(fake_logits: Tensor, made: Tensor, target: Tensor, l1_weight: float) -> Tensor:
    whole = fake_logits.flatten(1).mean(1)
    return softplus(-whole).mean() + l1_weight * (made - target).abs().mean()


pix2pix_loss = Exercise(
    "pix2pix_loss",
    chapter=CHAPTER,
    task="The translator's loss in pix2pix: the non-saturating loss on fake_logits (batch, 1, rows, columns), one "
    "logit per patch, plus l1_weight times the mean absolute error of made and target, (batch, 3, height, width). One "
    "number.",
    reference=pix2pix_loss_reference,
    cases=lambda: [
        (3 * seeded(2, 1, 3, 3), images(2, 3, 4, 4), images(2, 3, 4, 4, seed=1), 10.0),
        (2 * seeded(5, 1, 2, 2, seed=2) - 1, images(5, 3, 4, 4, seed=3), images(5, 3, 4, 4, seed=4), 100.0),
        (4 * seeded(3, 1, 4, 4, seed=5), images(3, 3, 8, 8, seed=6), images(3, 3, 8, 8, seed=7), 0.5),
    ],
    mistakes={
        "discriminators": (
            pix2pix_loss_discriminator,
            "softplus(+logits) is the discriminator's term for fakes. The translator wants high logits: turn the sign.",
        ),
        "minimax": (
            pix2pix_loss_minimax,
            "This is log(1 - D), the minimax loss, which saturates where D is sure. Asked for is -log D.",
        ),
        "squared": (
            pix2pix_loss_squared,
            "The errors are squared: that is L2, whose best answer is a mean. Take absolute values.",
        ),
        "sum": (
            pix2pix_loss_sum,
            "The absolute errors are added up over pixels, so that l1_weight means something else at another size. "
            "Take the mean over everything.",
        ),
        "unweighted": (pix2pix_loss_unweighted, "l1_weight is missing before the absolute error."),
        "both_weighted": (
            pix2pix_loss_both_weighted,
            "l1_weight multiplies both terms, so the balance of the two is not changed by it.",
        ),
        "signed": (
            pix2pix_loss_signed,
            "Without the absolute value, too bright and too dark pixels cancel.",
        ),
        "patch_sum": (
            pix2pix_loss_patch_sum,
            "The losses of the patches are added up, so more patches weigh more. Take the mean over patches and batch.",
        ),
        "mean_logit": (
            pix2pix_loss_mean_logit,
            "The logits of the patches are averaged before the loss. Each patch is judged for itself: first -log D, "
            "then the mean over all patches.",
        ),
    },
    hints=[
        "-log D(x) = softplus(-logit), for each patch; then the mean over patches and batch.",
        "softplus(-fake_logits).mean() + l1_weight * (made - target).abs().mean()",
    ],
)


# --- seen_pair --------------------------------------------------------------------------------------


def seen_pair_reference(outlines: Tensor, pictures: Tensor) -> Tensor:
    return torch.cat([outlines.unsqueeze(1), pictures], dim=1)  # (batch, 1 + 3, height, width)


def seen_pair_picture(outlines: Tensor, pictures: Tensor) -> Tensor:
    return pictures


def seen_pair_sum(outlines: Tensor, pictures: Tensor) -> Tensor:
    return outlines.unsqueeze(1) + pictures


def seen_pair_batch(outlines: Tensor, pictures: Tensor) -> Tensor:
    return torch.cat([outlines.unsqueeze(1).expand(-1, 3, -1, -1), pictures], dim=0)


def seen_pair_behind(outlines: Tensor, pictures: Tensor) -> Tensor:
    return torch.cat([pictures, outlines.unsqueeze(1)], dim=1)


def seen_pair_wide(outlines: Tensor, pictures: Tensor) -> Tensor:
    return torch.cat([outlines.unsqueeze(1).expand(-1, 3, -1, -1), pictures], dim=3)


def seen_pair_three(outlines: Tensor, pictures: Tensor) -> Tensor:
    return torch.cat([outlines.unsqueeze(1).expand(-1, 3, -1, -1), pictures], dim=1)


seen_pair = Exercise(
    "seen_pair",
    chapter=CHAPTER,
    task="What the discriminator of pix2pix is shown: outlines (batch, height, width) and pictures (batch, 3, height, "
    "width) as one tensor (batch, 4, height, width), the outline as its first channel.",
    reference=seen_pair_reference,
    cases=lambda: [
        (images(2, 4, 4), images(2, 3, 4, 4, seed=1)),
        (images(3, 6, 5, seed=2), images(3, 3, 6, 5)),
    ],
    mistakes={
        "picture_only": (
            seen_pair_picture,
            "Only the picture. This discriminator cannot know which outline the picture belongs to: any creature would "
            "do (chapter 7 has seen what follows).",
        ),
        "sum": (
            seen_pair_sum,
            "The outline is added to the picture. From a sum the two cannot be told apart: give it a channel of its "
            "own.",
        ),
        "batch": (
            seen_pair_batch,
            "They are joined along the batch: twice as many images, each judged alone. Join along the channels, dim=1.",
        ),
        "behind": (
            seen_pair_behind,
            "All four channels are there; the outline should be the first, not the last.",
        ),
        "side_by_side": (
            seen_pair_wide,
            "They lie side by side. A patch of a few pixels would hardly ever see both. Lay them on top of each other: "
            "dim=1.",
        ),
        "three_times": (
            seen_pair_three,
            "The outline is repeated to three channels, which makes six. One is enough: outlines.unsqueeze(1).",
        ),
    },
    hints=[
        "A convolution sees all channels of a place at once. So the outline should be one more channel.",
        "torch.cat([outlines.unsqueeze(1), pictures], dim=1)",
    ],
)


# --- side_of_patch ----------------------------------------------------------------------------------


def side_of_patch_reference(layers: Sequence[tuple[int, int]]) -> int:
    seen, apart = 1, 1  # pixels that are seen, and pixels between neighbouring places
    for kernel, stride in layers:
        seen += (kernel - 1) * apart
        apart *= stride
    return seen


def side_of_patch_no_stride(layers: Sequence[tuple[int, int]]) -> int:
    return 1 + sum(kernel - 1 for kernel, _ in layers)


def side_of_patch_early_stride(layers: Sequence[tuple[int, int]]) -> int:
    seen, apart = 1, 1
    for kernel, stride in layers:
        apart *= stride
        seen += (kernel - 1) * apart
    return seen


def side_of_patch_kernels(layers: Sequence[tuple[int, int]]) -> int:
    seen, apart = 1, 1
    for kernel, stride in layers:
        seen += kernel * apart
        apart *= stride
    return seen


def side_of_patch_stride_only(layers: Sequence[tuple[int, int]]) -> int:
    apart = 1
    for _, stride in layers:
        apart *= stride
    return apart


def side_of_patch_turned(layers: Sequence[tuple[int, int]]) -> int:
    return side_of_patch_reference(list(layers)[::-1])


def side_of_patch_added(layers: Sequence[tuple[int, int]]) -> int:
    seen, apart = 1, 1
    for kernel, stride in layers:
        seen += (kernel - 1) * apart
        apart += stride - 1
    return seen


side_of_patch = Exercise(
    "side_of_patch",
    chapter=CHAPTER,
    task="The side, in pixels, of the patch that one logit sees. The layers are a list of (kernel, stride), the first "
    "one next to the image, such as [(4, 2), (4, 2), (4, 1)].",
    reference=side_of_patch_reference,
    cases=[
        ([(3, 1)],),
        ([(4, 2), (4, 2), (4, 2), (4, 1), (4, 1)],),
        ([(2, 2), (3, 1), (2, 2), (3, 1), (1, 1)],),
        ([(3, 1), (5, 3), (3, 2), (3, 1)],),
    ],
    mistakes={
        "no_stride": (
            side_of_patch_no_stride,
            "The strides are missing. After a layer of stride 2, neighbouring places are 2 pixels apart, so every "
            "later kernel reaches twice as far.",
        ),
        "early_stride": (
            side_of_patch_early_stride,
            "A layer's own stride does not widen its own kernel, only those of later layers. First add, then multiply.",
        ),
        "kernels": (
            side_of_patch_kernels,
            "A kernel of k adds k - 1 places to the one that is there, not k.",
        ),
        "stride_only": (
            side_of_patch_stride_only,
            "This is how far apart the patches of neighbouring logits are. How large they are depends on the kernels.",
        ),
        "turned": (
            side_of_patch_turned,
            "The layers are taken from the last to the first. What a kernel reaches depends on the strides before it, "
            "nearer to the image.",
        ),
        "strides_added": (
            side_of_patch_added,
            "Strides multiply: two layers of stride 2 leave places 4 pixels apart.",
        ),
    },
    hints=[
        "Keep two numbers: how many pixels one place sees, and how many pixels neighbouring places are apart.",
        "seen += (kernel - 1) * apart, then apart *= stride.",
    ],
)


# --- cycle_loss -------------------------------------------------------------------------------------


def cycle_loss_reference(a: Tensor, a_back: Tensor, b: Tensor, b_back: Tensor) -> Tensor:
    return (a_back - a).abs().mean() + (b_back - b).abs().mean()


def cycle_loss_one_way(a: Tensor, a_back: Tensor, b: Tensor, b_back: Tensor) -> Tensor:
    return (a_back - a).abs().mean()


def cycle_loss_crossed(a: Tensor, a_back: Tensor, b: Tensor, b_back: Tensor) -> Tensor:
    return (a_back - b).abs().mean() + (b_back - a).abs().mean()


def cycle_loss_squared(a: Tensor, a_back: Tensor, b: Tensor, b_back: Tensor) -> Tensor:
    return (a_back - a).square().mean() + (b_back - b).square().mean()


def cycle_loss_signed(a: Tensor, a_back: Tensor, b: Tensor, b_back: Tensor) -> Tensor:
    return (a_back - a).mean().abs() + (b_back - b).mean().abs()


def cycle_loss_halved(a: Tensor, a_back: Tensor, b: Tensor, b_back: Tensor) -> Tensor:
    return cycle_loss_reference(a, a_back, b, b_back) / 2


def cycle_loss_summed(a: Tensor, a_back: Tensor, b: Tensor, b_back: Tensor) -> Tensor:
    return (a_back - a).abs().flatten(1).sum(1).mean() + (b_back - b).abs().flatten(1).sum(1).mean()


cycle_loss = Exercise(
    "cycle_loss",
    chapter=CHAPTER,
    task="The cycle loss: how far images a and b, (batch, 3, height, width) each, are from what came back, a_back and "
    "b_back: the mean absolute error of both domains, added. One number.",
    reference=cycle_loss_reference,
    cases=lambda: [
        tuple(images(2, 3, 4, 4, seed=i) for i in range(4)),
        (images(3, 3, 2, 2), images(3, 3, 2, 2), images(3, 3, 2, 2, seed=1), images(3, 3, 2, 2, seed=2)),
        tuple(images(4, 3, 2, 4, seed=i) for i in range(5, 9)),
    ],
    mistakes={
        "one_way": (
            cycle_loss_one_way,
            "Only images of A make the journey. Without the other term the way A → B is free to forget what B holds.",
        ),
        "crossed": (
            cycle_loss_crossed,
            "Each return is compared with an image of the other domain, which is not its partner. Compare a_back with "
            "a.",
        ),
        "squared": (cycle_loss_squared, "These are squared errors. The paper takes absolute ones."),
        "signed": (
            cycle_loss_signed,
            "The absolute value comes after the mean, so too bright and too dark pixels cancel before.",
        ),
        "halved": (
            cycle_loss_halved,
            "This is the mean of the two domains; the loss is their sum. The factor ½ would change what a cycle weight "
            "of 10 means.",
        ),
        "summed": (
            cycle_loss_summed,
            "The errors are added up over pixels. Take the mean, so that the weight is independent of the image size.",
        ),
    },
    hints=[
        "Two terms: a_back with a, and b_back with b.",
        "(a_back - a).abs().mean() is the first of them.",
    ],
)


# --- quantised --------------------------------------------------------------------------------------


def quantised_reference(x: Tensor, n_levels: int) -> Tensor:
    return (x * (n_levels - 1)).round() / (n_levels - 1)


def quantised_floor(x: Tensor, n_levels: int) -> Tensor:
    return (x * (n_levels - 1)).floor() / (n_levels - 1)


def quantised_too_many(x: Tensor, n_levels: int) -> Tensor:
    return (x * n_levels).round() / n_levels


def quantised_codes(x: Tensor, n_levels: int) -> Tensor:
    return (x * (n_levels - 1)).round()


def quantised_bins(x: Tensor, n_levels: int) -> Tensor:
    return (x * n_levels).floor().clamp(max=n_levels - 1) / n_levels


def quantised_decimals(x: Tensor, n_levels: int) -> Tensor:
    return x.round(decimals=1)


quantised = Exercise(
    "quantised",
    chapter=CHAPTER,
    task="Wash faint noise out of images x with values in [0, 1]: round each value to the nearest of n_levels evenly "
    "spaced ones, the first 0 and the last 1. Same shape.",
    reference=quantised_reference,
    cases=lambda: [(images(2, 3, 4, 4), 2), (images(3, 5, 5, seed=1), 8), (images(40, seed=2), 5)],
    mistakes={
        "floor": (
            quantised_floor,
            "This always rounds down, which makes all images darker. Take the nearest level.",
        ),
        "one_too_many": (
            quantised_too_many,
            "These are n_levels + 1 levels: 0/n, 1/n, ..., n/n. With n levels there are n - 1 steps between 0 and 1.",
        ),
        "codes": (
            quantised_codes,
            "These are the numbers of the levels, 0 to n_levels - 1. Divide, to come back to [0, 1].",
        ),
        "bins": (
            quantised_bins,
            "These are the lower ends of n_levels equal bins: 1 is not among them, and everything becomes darker.",
        ),
        "decimals": (
            quantised_decimals,
            "This rounds to one decimal, whatever n_levels is.",
        ),
    },
    hints=[
        "Stretch [0, 1] so that the levels are 0, 1, ..., n_levels - 1; round; shrink back.",
        "(x * (n_levels - 1)).round() / (n_levels - 1)",
    ],
)

all_exercises = [best_under_l1, pix2pix_loss, seen_pair, side_of_patch, cycle_loss, quantised]


# --- questions --------------------------------------------------------------------------------------

recall_ignored = Question(
    "recall_ignored",
    chapter=CHAPTER,
    text="A conditional generator gets a label, its discriminator does not. What does the generator make of the label?",
    choices={
        "a": (
            "Nothing that can be relied on",
            "No gradient asks for agreement, so there is none, beyond chance.",
            True,
        ),
        "b": (
            "The right class, since the label is one of its inputs",
            "It could use the input. But nothing in its loss depends on whether it does.",
        ),
        "c": (
            "Worse pictures than without a label",
            "The pictures can be as good. Only their class has nothing to do with the label.",
        ),
    },
)
recall_mismatched = Question(
    "recall_mismatched",
    chapter=CHAPTER,
    text="What do pairs of a real picture and a caption that does not belong to it teach a discriminator?",
    choices={
        "a": (
            "What fake pictures look like",
            "These pictures are real. Only the pairing is wrong.",
        ),
        "b": (
            "That a real-looking picture is not enough: it has to fit its caption",
            "Without them, the discriminator can do well for long by looking at the picture alone.",
            True,
        ),
        "c": (
            "Nothing, since each picture is real",
            "It is told that the pair is wrong, so it has to look at both.",
        ),
    },
)
recall_same_caption = Question(
    "recall_same_caption",
    chapter=CHAPTER,
    text="One caption, many right pictures. What lets a conditional GAN make different ones of them?",
    choices={
        "a": (
            "The random z beside the caption",
            "The caption says what is fixed, z may decide all else. (Whether it does has to be measured.)",
            True,
        ),
        "b": (
            "Different words for the same thing",
            "They can move the picture a little. But the same words, too, should give many pictures.",
        ),
        "c": (
            "The GRU, which reads the same caption in another way each time",
            "The same words give the same numbers. It draws nothing.",
        ),
    },
)
two_times = Question(
    "two_times",
    chapter=CHAPTER,
    text="Two of three creatures are drawn at night, one by day, and an outline does not show which. Under the "
    "absolute error alone, which sky is the best answer?",
    choices={
        "a": (
            "The night sky",
            "Each step away from it gains where the truth is a day, in one of three, and loses in two of three.",
            True,
        ),
        "b": (
            "A sky that is one third of the way from night to day",
            "That is the mean, the best answer under the squared error.",
        ),
        "c": (
            "Any sky between the two: they all cost the same on average",
            "That is so if days and nights are equally frequent. Here each step towards the night pays.",
        ),
    },
)
one_answer = Question(
    "one_answer",
    chapter=CHAPTER,
    text="The trained translator makes some creatures red, others blue, although outlines show no colour. Is its "
    "choice random?",
    choices={
        "a": (
            "Yes: the adversarial loss makes it draw a colour",
            "There is nothing to draw from: no z goes in. The same outline gets the same colour each time.",
        ),
        "b": (
            "No: it depends on the outline alone, though in the data the outline has nothing to do with the colour",
            "It is a function. Taken over many outlines the colours may look like draws; for one outline there is one.",
            True,
        ),
        "c": (
            "No: it has found the colour in the outline",
            "The outlines are drawn without the colour. Agreement with the true colour is at chance.",
        ),
    },
)
blind_patches = Question(
    "blind_patches",
    chapter=CHAPTER,
    text="A discriminator sees patches of 6×6 pixels of pictures of 24×24. Which fault can it not see?",
    choices={
        "a": (
            "Grey, blurred edges",
            "An edge fits into 6 pixels; this is what small patches are good at.",
        ),
        "b": (
            "A checkerboard of single pixels",
            "Texture of that size is well within a patch.",
        ),
        "c": (
            "A sun in the left corner and another one in the right",
            "Each patch is plausible: a sun fits into it. That there are two shows only in a larger one.",
            True,
        ),
    },
)
without_the_cycle = Question(
    "without_the_cycle",
    chapter=CHAPTER,
    text="Without cycle and identity losses, what do the two discriminators ask of the way from day to night?",
    choices={
        "a": (
            "That the result is a night picture; which one does not matter",
            "Any map that turns the set of days into the set of nights would do, also one that exchanges the "
            "creatures.",
            True,
        ),
        "b": (
            "That the creature stays the same",
            "No discriminator sees the picture that went in. It cannot miss what it does not know.",
        ),
        "c": (
            "That each picture becomes its partner",
            "There are no partners, and nobody sees both pictures.",
        ),
    },
)
zero_cycle = Question(
    "zero_cycle",
    chapter=CHAPTER,
    text="The cycle loss is 0 on all images. Does each creature keep its attributes on the way?",
    choices={
        "a": (
            "Yes: otherwise it could not come back",
            "It can come back if the second translator undoes what the first one did, whatever that was.",
        ),
        "b": (
            "Not necessarily: a pair that exchanges red and blue on the way, and back, has no cycle loss either",
            "The loss asks for a map that can be undone. That the simple one is found owes much to where the networks "
            "start.",
            True,
        ),
        "c": (
            "No: with a loss of 0 nothing would be translated",
            "Two translators that undo each other have a loss of 0, however much each of them changes.",
        ),
    },
)
hidden_message = Question(
    "hidden_message",
    chapter=CHAPTER,
    text="A CycleGAN from photos to maps brings its photos back almost perfectly. How do you find out whether the maps "
    "hide something?",
    choices={
        "a": (
            "Look whether the cycle loss is small",
            "It is small in either case: it cannot tell what is seen from what is hidden.",
        ),
        "b": (
            "Look closely at the maps",
            "The message can be fainter than the eye can see.",
        ),
        "c": (
            "Blur or round the maps a little, send them back, and compare",
            "What was hidden in faint details does not survive the washing. What the map shows does.",
            True,
        ),
    },
)

questions = [
    recall_ignored,
    recall_mismatched,
    recall_same_caption,
    two_times,
    one_answer,
    blind_patches,
    without_the_cycle,
    zero_cycle,
    hidden_message,
]
