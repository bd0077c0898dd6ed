"""Exercises of chapter 7: right answers written in other ways, and known mistakes as popular code writes them."""

import math
import re

import numpy as np
import pytest
import torch
from scipy import special
from torch import autograd, nn
from torch.nn import functional
from torch.nn.functional import binary_cross_entropy_with_logits as bce_with_logits

from course_utils import gan
from course_utils.conditions import OneHot
from course_utils.data import Vocabulary, load_mnist
from course_utils.exercises import ch06, ch07
from course_utils.metrics import within_class_distance


def said(exercise, function) -> str:
    result = exercise.check(function)
    assert result.status == "failed", result
    return result.message


# ---- right answers in other words


def joined_by_loops(images, labels, n_classes):
    n, height, width = images.shape
    channels = np.zeros((n, 1 + n_classes, height, width))
    for i in range(n):
        channels[i, 0] = images[i].numpy()
        channels[i, 1 + int(labels[i])] = 1
    return channels


def joined_by_comparison(images, labels, n_classes):
    maps = (labels[:, None] == torch.arange(n_classes)).float()
    return torch.cat([images.unsqueeze(1), maps[..., None, None].repeat(1, 1, *images.shape[1:])], dim=1)


def joined_by_repeating_each(images, labels, n_classes):
    n, height, width = images.shape
    own = torch.eye(n_classes)[labels]
    maps = own.repeat_interleave(height * width, dim=1).view(n, n_classes, height, width)
    return torch.cat((images.view(n, 1, height, width), maps), 1)


def joined_of_the_package(images, labels, n_classes):
    seen = []
    network = nn.Module()
    network.forward = lambda x: seen.append(x)
    gan.ConcatDiscriminator(network, OneHot((n_classes,)))(images, labels)
    return seen[0]


def logit_by_loops(features, labels, psi, classes):
    logits = []
    for phi, y in zip(features.tolist(), labels.tolist(), strict=True):
        e = classes[y].tolist()
        logits.append(sum((a + b) * f for a, b, f in zip(psi.tolist(), e, phi, strict=True)))
    return np.array(logits)


def logit_of_the_package(features, labels, psi, classes):
    discriminator = gan.ProjectionDiscriminator(nn.Identity(), len(psi), OneHot((len(classes),)))
    with torch.no_grad():
        discriminator.output.weight.copy_(psi[None])
        discriminator.output.bias.zero_()
        discriminator.projection.weight.copy_(classes.T)
    return discriminator(features, labels)[:, 0]


def loss_by_labels(real, fake, mismatched):
    on_real = bce_with_logits(real, torch.ones_like(real))
    on_fake = bce_with_logits(fake, torch.zeros_like(fake))
    return on_real + 0.5 * on_fake + 0.5 * bce_with_logits(mismatched, torch.zeros_like(mismatched))


def loss_of_the_package(real, fake, mismatched):
    return gan.LOSSES["non_saturating"].discriminator(real, torch.cat([fake, mismatched]))


def encoded_by_characters(captions, words, length):
    """Without `re`: everything that is no letter becomes a blank."""
    number = {word: place + 1 for place, word in enumerate(words)}
    rows = np.zeros((len(captions), length), dtype=np.int64)
    for i, caption in enumerate(captions):
        text = "".join(c if c.isalpha() else " " for c in caption.lower())
        for j, word in enumerate(text.split()):
            rows[i, j] = number[word]
    return rows


def encoded_padded(captions, words, length):
    found = [[w for w in re.split(r"\W+", caption.casefold()) if w] for caption in captions]
    rows = [torch.tensor([words.index(w) + 1 for w in row]) for row in found]
    return torch.stack([functional.pad(row, (0, length - len(row))) for row in rows])


def encoded_as_int32(captions, words, length):
    return encoded_padded(captions, words, length).int()


def encoded_of_the_package(captions, words, length):
    vocabulary = Vocabulary(captions + list(words))
    place = torch.tensor([0, *(words.index(word) + 1 for word in vocabulary.words)])
    return place[vocabulary.encode(captions, length=length)]


def overlaps_by_convolution(side, kernel, stride):
    ones = torch.ones(1, 1, side), torch.ones(1, 1, kernel)
    return functional.conv_transpose1d(*ones, stride=stride)[0, 0]


def overlaps_by_asking_each_output(side, kernel, stride):
    outputs = range((side - 1) * stride + kernel)
    return np.array([sum(0 <= j - i * stride < kernel for i in range(side)) for j in outputs])


def overlaps_by_formula(side, kernel, stride):
    j = torch.arange((side - 1) * stride + kernel)
    last = (j // stride).clamp(max=side - 1)
    first = ((j - kernel) // stride + 1).clamp(min=0)
    return last - first + 1


def matching_by_log_softmax(scores):
    return -(scores.log_softmax(0).diagonal() + scores.log_softmax(1).diagonal()).mean() / 2


def matching_by_logsumexp(scores):
    rows, columns = torch.logsumexp(scores, 1), torch.logsumexp(scores, 0)
    return ((rows + columns) / 2 - torch.diag(scores)).mean()


def matching_by_loops(scores):
    n, total = len(scores), 0.0
    for i in range(n):
        total = total - scores[i, i] + torch.logsumexp(scores[i], 0)
        total = total - scores[i, i] + torch.logsumexp(scores[:, i], 0)
    return total / (2 * n)


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (ch07.joined, joined_by_loops),
        (ch07.joined, joined_by_comparison),
        (ch07.joined, joined_by_repeating_each),
        (ch07.joined, joined_of_the_package),
        (ch07.projection_logit, logit_by_loops),
        (ch07.projection_logit, logit_of_the_package),
        (ch07.projection_logit, lambda phi, y, psi, e: torch.einsum("nd,nd->n", phi, psi + e[y])),
        (ch07.projection_logit, lambda phi, y, psi, e: phi @ psi + (phi @ e.T)[range(len(y)), y]),
        (ch07.matching_aware_loss, loss_by_labels),
        (ch07.matching_aware_loss, loss_of_the_package),
        (
            ch07.matching_aware_loss,
            lambda real, fake, wrong: (
                torch.logaddexp(torch.zeros(()), -real)
                + functional.softplus(torch.stack([fake, wrong])).mean(0)
            ).mean(),
        ),
        (ch07.encoded, encoded_by_characters),
        (ch07.encoded, encoded_padded),
        (ch07.encoded, encoded_as_int32),
        (ch07.encoded, encoded_of_the_package),
        (ch07.overlaps, overlaps_by_convolution),
        (ch07.overlaps, overlaps_by_asking_each_output),
        (ch07.overlaps, overlaps_by_formula),
        (ch07.matching_loss, gan.matching_loss),
        (ch07.matching_loss, matching_by_log_softmax),
        (ch07.matching_loss, matching_by_logsumexp),
        (ch07.matching_loss, matching_by_loops),
    ],
)
def test_right_answers_in_other_words_pass(exercise, answer):
    assert exercise.check(answer).status == "passed", exercise.check(answer)


def test_references_agree_with_oracles_outside_of_pytorch():
    for scores in (case[0].double().numpy() for case in ch07.matching_loss.cases):
        rows, columns = (np.diag(special.log_softmax(scores, axis)).mean() for axis in (1, 0))
        ours = ch07.matching_loss_reference(torch.from_numpy(scores))
        assert ours.item() == pytest.approx(-(rows + columns) / 2)
    for logits in ch07.matching_aware_loss.cases:
        real, fake, wrong = (x.double().numpy() for x in logits)
        expected = -special.log_expit(real).mean() - special.log_expit(-np.stack([fake, wrong])).mean()
        ours = ch07.matching_aware_loss_reference(*(x.double() for x in logits))
        assert ours.item() == pytest.approx(expected)


def test_scores_that_are_all_equal_cost_log_n():
    assert ch07.matching_loss_reference(torch.full((5, 5), 3.0)).item() == pytest.approx(math.log(5))


# ---- mistakes as popular code makes them


def joined_by_expanding_first(images, labels, n_classes):
    n, height, width = images.shape
    own = functional.one_hot(labels, n_classes).float()
    maps = own[:, None, None, :].expand(n, height, width, n_classes).reshape(n, n_classes, height, width)
    return torch.cat([images[:, None], maps], 1)


def joined_by_scatter(images, labels, n_classes, *, place):
    n, height, width = images.shape
    x = torch.zeros(n, 1 + n_classes, height, width)
    x[:, 0] = images
    for i in range(n):
        x[i, place(int(labels[i]), n_classes)] = 1
    return x


def looped(*, find=lambda caption: re.findall("[a-z]+", caption.lower()), start=1, number=None, dtype=None):
    """The loop of `encoded` with parts to replace."""

    def answer(captions, words, length):
        result = torch.zeros(len(captions), length, dtype=dtype or torch.int64)
        for i, caption in enumerate(captions):
            j = 0
            for word in find(caption):
                k = words.index(word) + start if number is None else number(word, words)
                if k is not None:
                    result[i, j] = k
                    j += 1
        return result

    return answer


def known_or_none(word, words):
    return words.index(word) + 1 if word in words else None


def in_a_dictionary(word, words):
    return dict(zip(words, range(1, 99), strict=False))[word]


def got_from_a_dictionary(word, words):
    return {w: k for k, w in enumerate(words, 1)}.get(word, 0)


def stripped(caption):
    return [word.strip(".,;:!") for word in caption.lower().split()]


def without_commas(caption):
    return caption.lower().replace(",", " ").split()


def padded_sequences(captions, words, length):
    rows = [torch.tensor(ch07.encoded_reference([c], words, length)[0].tolist()) for c in captions]
    return nn.utils.rnn.pad_sequence([row[row > 0] for row in rows], batch_first=True)


def windows_of_a_convolution(side, kernel, stride):
    x = torch.ones(1, 1, side, requires_grad=True)
    seen = functional.conv1d(x, torch.ones(1, 1, kernel), stride=stride)
    return autograd.grad(seen.sum(), x)[0].flatten()


def matching_with_targets(targets, *, reduction="mean"):
    def answer(scores):
        own = targets(len(scores))
        one, other = (functional.cross_entropy(s, own, reduction=reduction) for s in (scores, scores.t()))
        return (one + other) / 2

    return answer


def arange_rows(scores):
    return nn.CrossEntropyLoss()(scores, torch.arange(scores.shape[0]))


def sigmoids(real, fake, wrong):
    d = torch.sigmoid(real), torch.sigmoid(fake), torch.sigmoid(wrong)
    return -(torch.log(d[0]).mean() + 0.5 * (torch.log(1 - d[1]).mean() + torch.log(1 - d[2]).mean()))


def bce(real, fake, wrong):
    loss = nn.BCELoss()
    d = [torch.sigmoid(x) for x in (real, fake, wrong)]
    zeros = torch.zeros_like(fake)
    return loss(d[0], torch.ones_like(real)) + (loss(d[1], zeros) + loss(d[2], zeros)) / 2


@pytest.mark.parametrize(
    ("exercise", "name", "answer"),
    [
        (
            ch07.joined,
            "classes_first",
            lambda x, y, k: joined_by_comparison(x, y, k).roll(-1, 1),
        ),
        (
            ch07.joined,
            "numbers",
            lambda x, y, k: torch.stack([x, y.float()[:, None, None].expand_as(x)], 1),
        ),
        (
            ch07.joined,
            "shifted",
            lambda x, y, k: joined_by_scatter(x, y, k, place=lambda label, n_classes: label),
        ),
        (ch07.joined, "scrambled", joined_by_expanding_first),
        (
            ch07.joined,
            "transposed",
            lambda x, y, k: torch.cat(
                [x[:, None], torch.eye(k)[:, y, None, None].expand(-1, -1, *x.shape[1:])], 1
            ),
        ),
        (
            ch07.joined,
            "channels_last",
            lambda x, y, k: torch.cat([x[..., None], torch.eye(k)[y][:, None, None].expand(*x.shape, k)], -1),
        ),
        (
            ch07.joined,
            "classes_of_the_batch",
            lambda x, y, k: joined_by_loops(x, y, int(y.max()) + 1),
        ),
        (
            ch07.joined,
            "no_image",
            lambda x, y, k: torch.eye(k)[y][..., None, None].repeat(1, 1, *x.shape[1:]),
        ),
        (ch07.projection_logit, "only_class", lambda phi, y, psi, e: (phi @ e.T)[range(len(y)), y]),
        (ch07.projection_logit, "only_psi", lambda phi, y, psi, e: torch.mv(phi, psi)),
        (ch07.projection_logit, "mean", lambda phi, y, psi, e: (phi * psi + phi * e[y]).mean(-1)),
        (ch07.projection_logit, "all_classes_added", lambda phi, y, psi, e: phi @ (psi + e.sum(0))),
        (ch07.projection_logit, "all_classes", lambda phi, y, psi, e: phi @ (psi + e).T),
        (ch07.projection_logit, "all_pairs", lambda phi, y, psi, e: phi @ (psi + e[y]).T),
        (ch07.projection_logit, "class_with_psi", lambda phi, y, psi, e: (phi + e[y]) @ psi),
        (ch07.projection_logit, "by_place", lambda phi, y, psi, e: (phi * (psi + e[: len(phi)])).sum(1)),
        (
            ch07.projection_logit,
            "broadcast",
            lambda phi, y, psi, e: phi @ psi[:, None] + torch.einsum("nd,nd->n", phi, e[y]),
        ),
        (ch07.matching_aware_loss, "overflow", sigmoids),
        (ch07.matching_aware_loss, "clamped", bce),
        (ch07.matching_aware_loss, "value", lambda *logits: -loss_by_labels(*logits)),
        (
            ch07.matching_aware_loss,
            "no_half",
            lambda r, f, w: gan.discriminator_loss(r, f) + functional.softplus(w).mean(),
        ),
        (ch07.matching_aware_loss, "mismatched_forgotten", lambda r, f, w: gan.discriminator_loss(r, f)),
        (ch07.matching_aware_loss, "fakes_forgotten", lambda r, f, w: gan.discriminator_loss(r, w)),
        (
            ch07.matching_aware_loss,
            "mismatched_beside_real",
            lambda r, f, w: gan.discriminator_loss(torch.cat([r, w]), f),
        ),
        (
            ch07.matching_aware_loss,
            "all_in_one_mean",
            lambda r, f, w: bce_with_logits(
                torch.cat([r, f, w]),
                torch.cat([torch.ones_like(r), torch.zeros_like(f), torch.zeros_like(w)]),
            ),
        ),
        (ch07.matching_aware_loss, "two_sigmoids", lambda *s: loss_by_labels(*(x.sigmoid() for x in s))),
        (ch07.matching_aware_loss, "detached", lambda *s: loss_by_labels(*s).item()),
        (ch07.encoded, "from_0", looped(start=0)),
        (ch07.encoded, "floats", looped(dtype=torch.float32)),
        (ch07.encoded, "floats", lambda *case: encoded_by_characters(*case).astype(float)),
        (ch07.encoded, "from_0", looped(start=0, dtype=torch.float64)),
        (ch07.encoded, "case_index", looped(find=lambda caption: re.findall(r"\w+", caption))),
        (
            ch07.encoded,
            "case_key",
            looped(find=lambda caption: re.findall(r"\w+", caption), number=in_a_dictionary),
        ),
        (
            ch07.encoded,
            "case_left_out",
            looped(find=lambda caption: re.findall("[A-Za-z]+", caption), number=known_or_none),
        ),
        (ch07.encoded, "punctuation_index", looped(find=lambda caption: caption.lower().split())),
        (ch07.encoded, "punctuation_index", looped(find=without_commas)),
        (
            ch07.encoded,
            "punctuation_left_out",
            looped(find=lambda c: c.lower().split(" "), number=known_or_none),
        ),
        (
            ch07.encoded,
            "punctuation_zero",
            looped(find=lambda c: c.lower().split(), number=got_from_a_dictionary),
        ),
        (ch07.encoded, "glued_key", looped(find=stripped, number=in_a_dictionary)),
        (ch07.encoded, "glued_left_out", looped(find=stripped, number=known_or_none)),
        (ch07.encoded, "case_and_punctuation_zero", looped(find=str.split, number=got_from_a_dictionary)),
        (ch07.encoded, "own_length", padded_sequences),
        (
            ch07.encoded,
            "not_padded",
            lambda captions, words, length: np.array(
                [[words.index(word) + 1 for word in ch07.letters(caption)] for caption in captions]
            ),
        ),
        (
            ch07.encoded,
            "padding_first",
            lambda *case: torch.stack(
                [row.roll(int((row == 0).sum())) for row in ch07.encoded_reference(*case)]
            ),
        ),
        (
            ch07.overlaps,
            "side_times_stride",
            lambda side, kernel, stride: ch07.spread(range(side), kernel, stride, side * stride).long(),
        ),
        (
            ch07.overlaps,
            "ordinary",
            lambda side, kernel, stride: functional.conv1d(
                torch.ones(1, 1, side), torch.ones(1, 1, kernel), stride=stride
            )[0, 0],
        ),
        (
            ch07.overlaps,
            "ordinary_inputs",
            windows_of_a_convolution,
        ),
        (
            ch07.overlaps,
            "stride_1",
            lambda side, kernel, stride: np.convolve(np.ones(side), np.ones(kernel)),
        ),
        (
            ch07.overlaps,
            "endless",
            lambda side, kernel, stride: [
                sum(0 <= j - i * stride < kernel for i in range(-50, 50))
                for j in range((side - 1) * stride + kernel)
            ],
        ),
        (
            ch07.overlaps,
            "reached",
            lambda side, kernel, stride: overlaps_by_convolution(side, kernel, stride) > 0,
        ),
        (ch07.matching_loss, "only_rows", arange_rows),
        (ch07.matching_loss, "only_columns", lambda scores: arange_rows(scores.T)),
        (ch07.matching_loss, "only_columns", lambda scores: -scores.log_softmax(0).diagonal().mean()),
        (ch07.matching_loss, "sum_of_both", lambda scores: arange_rows(scores) + arange_rows(scores.T)),
        (ch07.matching_loss, "sum_over_batch", matching_with_targets(torch.arange, reduction="sum")),
        (ch07.matching_loss, "first", matching_with_targets(lambda n: torch.zeros(n).long())),
        (
            ch07.matching_loss,
            "whole_matrix",
            lambda scores: scores.logsumexp((0, 1)) - scores.diagonal().mean(),
        ),
        (
            ch07.matching_loss,
            "yes_or_no",
            lambda scores: functional.softplus(scores * (1 - 2 * torch.eye(len(scores)))).mean(),
        ),
        (ch07.matching_loss, "detached", lambda scores: gan.matching_loss(scores).item()),
        (ch07.matching_loss, "detached", lambda scores: float(gan.matching_loss(scores.detach()))),
    ],
)
def test_mistakes_as_popular_code_makes_them_are_recognised(exercise, name, answer):
    assert said(exercise, answer) == exercise.mistake_messages[name]


# ---- near misses, wrong types and shapes


def joined_over_the_input(images, labels, n_classes):
    right = ch07.joined_reference(images, labels, n_classes)
    images.zero_()
    return right


@pytest.mark.parametrize(
    ("exercise", "answer", "words"),
    [
        (
            ch07.joined,
            lambda x, y, k: joined_by_scatter(x, y, k, place=lambda label, n_classes: n_classes - label),
            "differ",
        ),
        (ch07.joined, lambda x, y, k: 1 - joined_by_loops(x, y, k), "differ"),
        (ch07.joined, lambda x, y, k: 2 * joined_by_comparison(x, y, k), "exactly twice"),
        (ch07.joined, lambda x, y, k: torch.cat([x, torch.eye(k)[y]], 1), "RuntimeError"),
        (ch07.joined, lambda x, y, k: joined_by_comparison(x, y, k).flatten(1), "has shape (5, 60)"),
        (ch07.joined, joined_over_the_input, "changes its input in place"),
        (ch07.joined, lambda x, y, k: (x, y), "is 2 values, expected one tensor"),
        (
            ch07.projection_logit,
            lambda phi, y, psi, e: phi @ psi - (e[y] * phi).sum(1),
            "differ",
        ),
        (
            ch07.projection_logit,
            lambda phi, y, psi, e: functional.cosine_similarity(phi, psi + e[y]),
            "differ",
        ),
        (
            ch07.projection_logit,
            lambda phi, y, psi, e: logit_of_the_package(phi, y, psi, e)[:, None],
            "has shape (5, 1), expected (5,)",
        ),
        (ch07.projection_logit, lambda phi, y, psi, e: e[y].T @ phi, "has shape (4, 4)"),
        (ch07.matching_aware_loss, lambda r, f, w: loss_by_labels(r, f, w) + 1, "1 too large everywhere"),
        (ch07.matching_aware_loss, lambda r, f, w: 3 * loss_by_labels(r, f, w), "exactly 3 times"),
        (ch07.matching_aware_loss, lambda r, f, w: loss_by_labels(r, f, w.detach()), "mismatched_logits"),
        (
            ch07.matching_aware_loss,
            lambda r, f, w: loss_by_labels(r.clamp(-50, 50), f, w),
            "is 48.3209, expected 65.8209",
        ),
        (ch07.matching_aware_loss, lambda r, f, w: None, "is there a `return`"),
        (ch07.encoded, lambda captions, words, length: 0, "has shape (), expected (2, 4)"),
        (
            ch07.encoded,
            lambda captions, words, length: encoded_padded(captions, words, length).tolist(),
            "`numbers` is 2 values, expected one tensor of shape (2, 4)",
        ),
        (ch07.encoded, looped(start=2), "differ"),
        (ch07.encoded, looped(find=str.upper), "ValueError"),
        (
            ch07.encoded,
            looped(find=lambda caption: dict.fromkeys(re.findall("[a-z]+", caption.lower()))),
            "differ",
        ),
        (ch07.overlaps, lambda *numbers: overlaps_by_asking_each_output(*numbers)[1:], "has shape (11,)"),
        (ch07.overlaps, lambda *numbers: overlaps_by_formula(*numbers) - 1, "1 too small everywhere"),
        (ch07.overlaps, lambda *numbers: overlaps_by_formula(*numbers).flip(0).cumsum(0), "differ"),
        (
            ch07.overlaps,
            lambda *numbers: torch.outer(overlaps_by_formula(*numbers), overlaps_by_formula(*numbers)),
            "has shape (12, 12), expected (12,)",
        ),
        (ch07.matching_loss, lambda scores: gan.matching_loss(scores) / math.log(2), "1.442"),
        (ch07.matching_loss, lambda scores: gan.matching_loss(scores / 0.07), "expected 2.15909"),
        (ch07.matching_loss, lambda scores: gan.matching_loss(scores.clamp(max=100)), "expected"),
        (ch07.matching_loss, lambda scores: scores.log_softmax(1), "has shape (4, 4), expected ()"),
    ],
)
def test_other_answers_are_told_what_is_wrong(exercise, answer, words):
    message = said(exercise, answer)
    assert words in message
    assert message not in exercise.mistake_messages.values()


def test_counts_are_even_inside_only_if_stride_divides_kernel():
    for kernel in range(1, 8):
        for stride in range(1, 5):
            inside = ch07.overlaps_reference(20, kernel, stride)[kernel : -kernel or None]
            assert (inside.unique().numel() == 1) == (kernel % stride == 0), (kernel, stride)
            if kernel % stride == 0:
                assert inside[0] == kernel / stride


# ---- what the texts say


def test_the_floor_of_1e8_is_18_nats():
    assert round(-math.log(1e-8)) == 18


def test_without_the_half_the_best_discriminator_is_too_small():
    """Where the loss of one point has its minimum, for the densities r of right, f of fake, w of mismatched pairs."""
    logits = torch.linspace(-8, 8, 16_001, dtype=torch.float64)
    for r, f, w in torch.rand(20, 3, generator=torch.Generator().manual_seed(0)).double():
        best = []
        for half in (0.5, 1.0):
            losses = r * functional.softplus(-logits) + half * (f + w) * functional.softplus(logits)
            best.append(logits[losses.argmin()].sigmoid())
            torch.testing.assert_close(best[-1], r / (r + half * (f + w)), atol=1e-3, rtol=0)
        assert best[1] < best[0]


def test_perfect_fakes_do_not_make_a_matching_aware_discriminator_a_coin():
    """Two captions; picture 0 fits the first only, 1 both, 2 the second only. Fakes are distributed as the data."""
    given = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]]).double()  # p(picture | caption)
    any_caption = given.mean(0)
    best = given / (given + (given + any_caption) / 2)
    assert best[0, 0] > best[0, 1] == 0.5  # higher where fewer other captions fit the picture
    one_each = (
        torch.eye(3).double().repeat_interleave(2, 1) / 2
    )  # each picture fits one caption: no such gain
    best = one_each / (one_each + (one_each + one_each.mean(0)) / 2)
    assert best[one_each > 0].unique().numel() == 1
    assert not torch.allclose(best[one_each > 0], torch.tensor(0.5).double())


def test_one_picture_of_each_digit_is_too_few_for_a_classifier():
    """Nearest neighbour; the distance within a class is 0, and that of real digits is not."""
    images, labels = load_mnist("test")
    firsts = torch.stack([images[labels == digit][0] for digit in range(10)])
    rest, truth = images[1_000:3_000], labels[1_000:3_000]
    found = torch.cdist(rest.flatten(1), firsts.flatten(1)).argmin(1)
    assert (found == truth).double().mean() < 0.6
    assert within_class_distance(firsts.repeat(2, 1, 1), torch.arange(10).repeat(2)) == 0
    assert within_class_distance(rest, truth) > 0.2


def test_r1_turns_the_circles_inwards_for_small_steps():
    """|eigenvalue|² is 1 + h² without a penalty, and 1 - hγ + h² with R1: below 1 for h < γ."""
    for h in (0.01, 0.1, 0.5):
        assert (torch.linalg.eigvals(ch06.dirac_matrix_reference(h, 0.0)).abs() > 1).all()
        assert (torch.linalg.eigvals(ch06.dirac_matrix_reference(h, 1.0)).abs() < 1).all()


def test_words_in_the_messages_are_words_of_the_cases():
    captions = " ".join(caption for case in ch07.encoded.cases for caption in case[0])
    for message in ch07.encoded.mistake_messages.values():
        quoted = re.findall("'([A-Za-z,;]+)'", message)
        assert all(word in captions for word in quoted), message
    spoken = {word for why in ch07.SPLITS.values() for word in re.findall("'([^']+)'", why[1])}
    assert spoken == {"Red", "night,", "creature;", "red,round"}


def test_questions_stand_in_the_order_of_the_chapter():
    assert [question.name for question in ch07.questions] == [
        "recall_js",
        "recall_collapse",
        "recall_r1",
        "ignored_condition",
        "one_per_class",
        "held_out",
        "mismatched_price",
    ]
    rights = [next(k for k, c in q.choices.items() if c.right) for q in ch07.questions]
    assert {letter: rights.count(letter) for letter in "abc"} == {"a": 2, "b": 2, "c": 3}
