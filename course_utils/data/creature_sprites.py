"""Creatures in pixels: parts are signed distances, painted from back to front with edges one pixel soft.

A picture is 24 units wide and high at any size, x to the right and y down. A creature's own coordinates u, v
are units from its centre, divided by its radius. A distance is negative inside.
"""

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from course_utils.data.creature_attributes import CREATURE_ATTRIBUTES

__all__ = ["NUISANCES", "draw_nuisances", "draw_outlines", "draw_sprites"]

NUISANCES = (
    *("star_1_x", "star_1_y", "star_2_x", "star_2_y", "star_3_x", "star_3_y"),
    *("sun_side", "sun_x", "sun_y", "cloud_x", "cloud_y", "hills"),
    *("x", "y", "radius", "red", "green", "blue", "pattern", "gaze"),
)

UNITS = 24  # width and height of a picture
BLOCK = 256  # pictures drawn at once: their numbers stay in the processor's cache
LINE = 0.375  # half the width of an ink line, in units
FAR = 9.0  # where a part is put that is not to be seen, in radii

# One entry for each value of an attribute, in the order of CREATURE_ATTRIBUTES.
RADIUS = (5.2, 7.2)
COLOUR = (
    (0.86, 0.24, 0.16),  # red
    (0.98, 0.84, 0.22),  # yellow
    (0.08, 0.62, 0.42),  # green
    (0.16, 0.40, 0.86),  # blue
    (0.96, 0.62, 0.80),  # pink
)
EYE_RADIUS = (0.44, 0.33, 0.28)
EYE_OFFSET = (0.0, 0.4, 0.42)  # to the left and right
EYES_LOWER = (0.0, 0.0, 0.1)  # the third is above the two
EYE_HEIGHT = (-0.15, -0.2, 0.2)  # by body
HORN_WIDTH = (0.0, 0.36, 0.28)
HORN_LENGTH = 0.7
HORN_ROOT = (  # by body, then by horns; the second horn mirrors the first
    ((0.0, 0.0), (0.0, -0.95), (0.5, -0.8)),
    ((0.0, 0.0), (0.0, -0.9), (0.6, -0.88)),
    ((0.0, 0.0), (0.0, -0.94), (0.46, -0.42)),
)
HORN_ANGLE = ((0.0, 0.0, 0.42), (0.0, 0.0, 0.27), (0.0, 0.0, 0.95))  # outwards from upright, in radians

ZENITH = ((0.42, 0.72, 0.95), (0.03, 0.04, 0.16))  # by day, at night
HORIZON = ((0.85, 0.95, 1.0), (0.15, 0.18, 0.40))
SUN = ((1.0, 0.85, 0.25), (0.97, 0.96, 0.86))  # at night, the moon
GROUND = ((0.74, 0.81, 0.50), (0.11, 0.22, 0.27))
INK = (0.12, 0.08, 0.18)
IVORY = (0.99, 0.94, 0.80)
WHITE = (1.0, 1.0, 1.0)

# Circles: x, y, radius.
CLOUD = ((0.0, 0.0, 1.5), (1.9, 0.5, 1.1), (-1.9, 0.5, 1.1))
SPOTS = (
    *((0.0, -0.78, 0.18), (-0.64, -0.6, 0.2), (0.64, -0.6, 0.2), (-0.6, 0.4, 0.24), (0.6, 0.4, 0.24)),
    *((0.0, 0.8, 0.17), (-1.0, 0.7, 0.17), (1.0, 0.7, 0.17)),
)


def draw_nuisances(n_samples: int, *, generator: Generator | None = None) -> Tensor:
    """Draw what no attribute says, such as place and gaze, from U[-1, 1]: (n, 20), the columns NUISANCES."""
    device = torch.device("cpu") if generator is None else generator.device
    return 2 * torch.rand(n_samples, len(NUISANCES), generator=generator, device=device) - 1


def draw_sprites(attributes: Tensor, nuisances: Tensor, size: int) -> Tensor:
    """Draw a creature for each row of attributes (n, 7) int64 and nuisances (n, 20): (n, 3, size, size)."""
    blocks = zip(attributes.split(BLOCK), nuisances.split(BLOCK), strict=True)
    return torch.cat([_Scene(*block, size).draw() for block in blocks])


def draw_outlines(attributes: Tensor, nuisances: Tensor, size: int) -> Tensor:
    """The lines of the creatures that `draw_sprites` draws: (n, size, size), from 1, paper, to 0, ink.

    Drawn are the edges of body, horns and feet, eyes, pupils and mouth, and the pattern: the middle of each stripe, and
    a dot for each spot. Colour and background leave no line.
    """
    blocks = zip(attributes.split(BLOCK), nuisances.split(BLOCK), strict=True)
    return torch.cat([_Scene(*block, size).draw_lines() for block in blocks])


class _Scene:
    """Pictures that are being painted. Numbers per picture are (n, 1, 1), maps of pixels (n, size, size)."""

    def __init__(self, attributes: Tensor, nuisances: Tensor, size: int) -> None:
        self.attribute = dict(zip(CREATURE_ATTRIBUTES, attributes.T, strict=True))
        self.nuisance = dict(zip(NUISANCES, nuisances.T[:, :, None, None], strict=True))
        self.pixel = UNITS / size
        units = (torch.arange(size, device=attributes.device) + 0.5) * self.pixel
        self.y, self.x = torch.meshgrid(units, units, indexing="ij")
        self.picture = torch.zeros(len(attributes), 3, size, size, device=attributes.device)

    def draw(self) -> Tensor:
        self.draw_sky()
        self.draw_ground()
        self.place_creature()
        self.draw_body()
        self.draw_face()
        return self.picture.clamp_(0, 1)

    def draw_lines(self) -> Tensor:
        self.place_creature()
        body, horns, feet = self.radius * self.body(), self.radius * self.horns(), self.feet()
        pattern = torch.minimum(self.inside(self.radius * self.pattern_lines()), self.inside(body))
        face, lids = self.face_lines()
        edges = torch.maximum(self.line(_union(body, horns, feet)), self.line(body))
        return 1 - torch.maximum(torch.maximum(edges, pattern * (1 - lids)), face)

    def line(self, distance: Tensor) -> Tensor:
        """The share of every pixel that is ink, for a line along the outside of an edge, as the pictures have it."""
        return self.inside((distance - LINE).abs() - LINE)

    def paint(self, colour: Tensor | Sequence[float], share: Tensor) -> None:
        """Cover a share (n, size, size) of every pixel with a colour: (3,), (n, 3) or (n, 3, size, size)."""
        colour = torch.as_tensor(colour, device=share.device)
        if colour.ndim < 4:
            colour = colour.reshape(-1, 3, 1, 1)
        self.picture += share.unsqueeze(1) * (colour - self.picture)

    def inside(self, distance: Tensor) -> Tensor:
        """The share of every pixel that is inside, from the distance of its centre to the edge, in units."""
        return (0.5 - distance / self.pixel).clamp_(0, 1)

    def entry(self, table: Sequence, *names: str) -> Tensor:
        """The table's entries for the values that these attributes have: (n, ...)."""
        index = tuple(self.attribute[name] for name in names)
        return torch.tensor(table, device=self.picture.device)[index]

    def number(self, table: Sequence, *names: str) -> Tensor:
        return self.entry(table, *names)[:, None, None]

    def draw_sky(self) -> None:
        nuisance, night = self.nuisance, self.number((0.0, 1.0), "time")
        low = (self.y / 20).clamp(max=1)
        self.paint(self.entry(ZENITH, "time"), torch.ones_like(night))
        self.paint(self.entry(HORIZON, "time"), low.expand(len(night), -1, -1))

        side = torch.where(nuisance["sun_side"] < 0, -1.0, 1.0)
        x = self.x - (12 + side * (8.6 + 0.6 * nuisance["sun_x"]))
        y = self.y - (3.7 + 0.6 * nuisance["sun_y"])
        sun = torch.hypot(x, y) - 2.5
        moon = torch.maximum(sun, 2.1 - torch.hypot(x - 1.5, y + 0.7))
        self.paint(self.entry(SUN, "time"), self.inside(torch.where(night == 1, moon, sun)))

        x = self.x - (12 - side * (7.2 + 1.5 * nuisance["cloud_x"]))
        y = self.y - (4 + nuisance["cloud_y"])
        self.paint(WHITE, 0.9 * (1 - night) * self.inside(_circles(x, y, CLOUD)))
        for i in (1, 2, 3):
            x = self.x - (12 - side * (5 * i - 6.5 + 2 * nuisance[f"star_{i}_x"]))
            y = self.y - (5 + 3.5 * nuisance[f"star_{i}_y"])
            self.paint(WHITE, night * self.inside(x.abs() + y.abs() - 0.9))

    def draw_ground(self) -> None:
        edge = 19.2 + 0.9 * (0.28 * self.x + math.pi * self.nuisance["hills"]).sin()
        self.paint(self.entry(GROUND, "time"), self.inside(edge - self.y))

    def place_creature(self) -> None:
        nuisance = self.nuisance
        self.radius = self.number(RADIUS, "size") * (1 + 0.03 * nuisance["radius"])
        u = (self.x - (12 + 1.4 * nuisance["x"])) / self.radius
        v = (self.y - (21.6 + 0.4 * nuisance["y"])) / self.radius + 1.04  # it stands on its feet
        self.u, self.v = torch.broadcast_tensors(u, v)
        jitter = torch.cat([nuisance["red"], nuisance["green"], nuisance["blue"]], dim=1).squeeze(2)  # (n, 3)
        self.colour = self.entry(COLOUR, "colour") + 0.05 * jitter

    def draw_body(self) -> None:
        u, v, radius, colour = self.u, self.v, self.radius, self.colour
        body, horns, feet = radius * self.body(), radius * self.horns(), self.feet()
        shadow = 0.16 * radius * (torch.hypot(u / 1.15, (v - 1.1) / 0.16) - 1)
        self.paint(INK, 0.35 * self.inside(shadow))
        self.paint(INK, self.inside(_union(body, horns, feet) - 2 * LINE))  # the outline
        self.paint(IVORY, self.inside(horns))
        self.paint(0.6 * colour, self.inside(feet))
        self.paint(INK, 0.5 * self.inside(body - 0.3) * self.inside(horns))
        shade = (0.97 - 0.1 * v).clamp(max=1).unsqueeze(1)  # (n, 1, size, size), lighter above
        self.paint(shade * colour[:, :, None, None], self.inside(body))
        striped = self.attribute["pattern"].unsqueeze(1) == 1
        tint = torch.where(striped, 0.48 * colour, 0.25 * colour + 0.75)
        self.paint(tint, torch.minimum(self.inside(radius * self.pattern()), self.inside(body)))

    def body(self) -> Tensor:
        distance = torch.empty_like(self.u)
        for value, shape in enumerate((_round, _square, _triangular)):
            rows = self.attribute["body"] == value
            distance[rows] = shape(self.u[rows], self.v[rows])
        return distance

    def feet(self) -> Tensor:
        return self.radius * (torch.hypot((self.u.abs() - 0.42) / 1.25, self.v - 0.98) - 0.2)

    def horns(self) -> Tensor:
        """Cones that stand on their roots; the picture's left half mirrors the right."""
        root = self.entry(HORN_ROOT, "body", "horns")  # (n, 2)
        angle = self.number(HORN_ANGLE, "body", "horns")
        u, v = self.u.abs() - root[:, 0, None, None], self.v - root[:, 1, None, None]
        along = u * angle.sin() - v * angle.cos()
        across = (u * angle.cos() + v * angle.sin()).abs()
        side = across - self.number(HORN_WIDTH, "horns") * (1 - along / HORN_LENGTH)
        cone = torch.maximum(side, torch.maximum(along - HORN_LENGTH, -along - 0.3))
        return cone + self.number((FAR, 0.0, 0.0), "horns")

    def pattern(self) -> Tensor:
        stripes, spots = self.stripes_and_spots()
        striped = self.number((False, True, False), "pattern")
        return torch.where(striped, stripes - 0.14, spots) + self.number((FAR, 0.0, 0.0), "pattern")

    def pattern_lines(self) -> Tensor:
        """Thin stripes, and smaller spots."""
        stripes, spots = self.stripes_and_spots()
        striped = self.number((False, True, False), "pattern")
        lines = torch.where(striped, stripes - LINE / self.radius, spots + 0.06)
        return lines + self.number((FAR, 0.0, 0.0), "pattern")

    def stripes_and_spots(self) -> tuple[Tensor, Tensor]:
        """The distance to the middle of the nearest stripe, and that to the nearest spot."""
        moved = 0.06 * self.nuisance["pattern"]
        stripes = (torch.remainder(self.v + 0.3 * self.u + moved, 0.62) - 0.31).abs()
        return stripes, _circles(self.u - moved, self.v, SPOTS)

    def eyes(self) -> tuple[Tensor, list[tuple[Tensor, Tensor]], list[tuple[Tensor, Tensor]]]:
        """The eyes' radius, and the pixels' places from the middles of the eyes, and of the pupils."""
        u, v, radius = self.u, self.v, self.number(EYE_RADIUS, "eyes")
        height = self.eye_height()
        offset, hidden = self.number(EYE_OFFSET, "eyes"), self.number((FAR, FAR, 0.0), "eyes")
        eyes = [(u - offset, v - height), (u + offset, v - height), (u, v - height + 0.54 + hidden)]
        angle = math.pi * self.nuisance["gaze"]
        return (
            radius,
            eyes,
            [(x - 0.45 * radius * angle.cos(), y - 0.45 * radius * angle.sin()) for x, y in eyes],
        )

    def eye_height(self) -> Tensor:
        return self.number(EYE_HEIGHT, "body") + self.number(EYES_LOWER, "eyes")

    def smile(self) -> Tensor:
        below = self.v - (self.eye_height() + self.number(EYE_RADIUS, "eyes"))
        return torch.maximum((torch.hypot(self.u, below + 0.04) - 0.3).abs() - 0.06, 0.1 - below)

    def face_lines(self) -> tuple[Tensor, Tensor]:
        """The ink of eyes, pupils and mouth; and the shares that the eyes cover."""
        radius, eyes, pupils = self.eyes()
        to_eyes, to_pupils = (_union(*(torch.hypot(x, y) for x, y in places)) for places in (eyes, pupils))
        rims = self.line(self.radius * (to_eyes - radius))
        ink = torch.maximum(rims, self.inside(self.radius * (to_pupils - 0.5 * radius)))
        lids = self.inside(self.radius * (to_eyes - radius) - 2 * LINE)
        return torch.maximum(ink, self.inside(self.radius * self.smile())), lids

    def draw_face(self) -> None:
        radius, eyes, pupils = self.eyes()
        glints = [(x + 0.24 * radius, y + 0.24 * radius) for x, y in pupils]
        for colour, share, places, disc in (
            (INK, 0.8, eyes, radius + 0.5 / self.radius),
            (WHITE, 1.0, eyes, radius),
            (INK, 1.0, pupils, 0.58 * radius),
            (WHITE, 1.0, glints, 0.15 * radius),
        ):
            distance = _union(*(torch.hypot(x, y) for x, y in places)) - disc
            self.paint(colour, share * self.inside(self.radius * distance))
        self.paint(INK, 0.9 * self.inside(self.radius * self.smile()))


def _union(*distances: Tensor) -> Tensor:
    union = distances[0]
    for distance in distances[1:]:
        union = torch.minimum(union, distance)
    return union


def _circles(x: Tensor, y: Tensor, circles: Sequence[tuple[float, float, float]]) -> Tensor:
    return _union(*(torch.hypot(x - centre_x, y - centre_y) - r for centre_x, centre_y, r in circles))


def _round(u: Tensor, v: Tensor) -> Tensor:
    return torch.hypot(u, v) - 1


def _square(u: Tensor, v: Tensor) -> Tensor:
    half, corner = 0.93, 0.25
    right, down = u.abs() - (half - corner), v.abs() - (half - corner)
    outside = torch.hypot(right.clamp(min=0), down.clamp(min=0))
    return outside + torch.maximum(right, down).clamp(max=0) - corner


def _triangular(u: Tensor, v: Tensor) -> Tensor:
    """The distance to three sides, with a soft maximum, which rounds the corners."""
    down, slant = v - 0.2, math.sqrt(3) / 2 * u
    sides = torch.stack([down, slant - down / 2, -slant - down / 2])
    return 0.22 * (sides / 0.22).logsumexp(dim=0) - 0.79
