"""Draws a face from its factors, on any canvas, from the glasses back to the wall."""

from typing import NamedTuple

import torch
from torch import Tensor

from .canvas import Canvas
from .draws import Factors
from .shapes import circle, constant, ellipse, hsv, per_picture, ramp, rounded_box

SKIN = ((1.0, 0.87, 0.77), (0.95, 0.76, 0.62), (0.82, 0.6, 0.44), (0.6, 0.4, 0.27), (0.38, 0.24, 0.16))
BLACK, BROWN, AUBURN = (0.08, 0.06, 0.06), (0.26, 0.15, 0.08), (0.5, 0.27, 0.1)
GINGER, BLOND, GREY = (0.72, 0.36, 0.12), (0.93, 0.76, 0.4), (0.8, 0.8, 0.8)
HAIR = (BLACK, BROWN, AUBURN, GINGER, BLOND, GREY)
IRIS = ((0.28, 0.15, 0.06), (0.45, 0.3, 0.1), (0.3, 0.5, 0.25), (0.25, 0.5, 0.75), (0.5, 0.65, 0.75))
FRAME = ((0.05, 0.05, 0.06), (0.35, 0.1, 0.08), (0.75, 0.58, 0.2), (0.15, 0.2, 0.5), (0.8, 0.8, 0.82))


class Face(NamedTuple):
    """What every part of the drawing needs. Coordinates are N x P in the frame of the head, colours N x 3."""

    canvas: Canvas
    f: Factors
    x: Tensor
    y: Tensor
    inner: Tensor
    """``x`` of the features, which move over the head as it turns."""
    right: Tensor
    """``inner`` mirrored to the right half, so that what comes in pairs is drawn once."""
    skin: Tensor
    hair: Tensor


def draw_face(canvas: Canvas, f: Factors) -> None:
    """Draw the face with factors ``f`` and everything around it; the canvas is full afterwards."""
    x, y = canvas.place(f["x"], f["y"], f["scale"], f["tilt"])
    inner = x - per_picture(f["turn"] * 0.09)
    face = Face(canvas, f, x, y, inner, inner.abs(), ramp(f["skin"], SKIN), ramp(f["hair_colour"], HAIR))
    _glasses(face)
    _hair_in_front(face)
    _brows(face)
    _eyes(face)
    _mouth(face)
    _nose(face)
    _head(face)
    _ears(face)
    _neck_and_shirt(face)
    canvas.fill(_hair_outline(face), face.hair * 0.72, (f["hair_volume"] * 5).clamp(0, 1))
    _background(canvas, f)


def _glasses(face: Face) -> None:
    canvas, f, right, y = face.canvas, face.f, face.right, face.y
    worn, frame = f["glasses"], ramp(f["frame_colour"], FRAME)
    across, down = right - per_picture(f["eye_distance"] + 0.015), y - per_picture(f["eye_height"] + 0.015)
    width, height = f["eye_distance"] * 0.5 + 0.06, f["eye_size"] * 0.55 + 0.08
    lens = rounded_box(across, down, width, height, f["frame_roundness"] * height * 0.98)
    glint = (across - down * 0.7 + 0.06).abs_().sub_(0.025)
    white = constant(len(worn), (1, 1, 1))
    canvas.shade(torch.maximum(glint, lens), white, worn * (0.12 + 0.3 * f["lens_tint"]))
    canvas.line(lens, 0.02, frame, worn)
    tint = constant(len(worn), (0.04, 0.04, 0.06)) + frame * 0.12
    canvas.shade(lens, tint, worn * (0.06 + 0.94 * f["lens_tint"]))
    bar = torch.maximum((down + 0.03).abs_().sub_(0.022), right - per_picture(f["head_width"] * 0.97))
    canvas.shade(bar, frame, worn)


def _hair_outline(face: Face) -> Tensor:
    """Head and hair as one shape: round above, straight down to the length of the hair."""
    f, x, y = face.f, face.x, face.y
    volume = f["hair_volume"] * 0.1 + 0.015
    flare = y.clamp(min=0).mul_(per_picture(-0.25 * f["hair_length"])).add_(1)
    width = f["head_width"] + volume + 0.05 * f["hair_length"]
    crown = ellipse(x * flare, y.clamp(max=0), width, f["head_height"] + volume)
    return torch.maximum(crown, y - per_picture(f["hair_length"]))


def _hair_in_front(face: Face) -> None:
    canvas, f, x, y, hair = face.canvas, face.f, face.x, face.y, face.hair
    top = -f["head_height"] * (0.82 - 0.3 * f["fringe"])
    arch = 1.5 + 2.6 * (1 - f["fringe"]) + 1.5 * f["hair_length"]
    hairline = (x - per_picture(0.18 * f["parting"])).square_().mul_(per_picture(arch)).add_(per_picture(top))
    lower_end = (x * x).mul_(0.5).add_(per_picture(f["hair_length"] - 0.12 - 0.5 * f["hair_receding"]))
    front = torch.maximum(torch.maximum(_hair_outline(face), y - hairline), y - lower_end)
    visible = (f["hair_volume"] * 5).clamp(0, 1)
    shine = (y + x * 0.4 + per_picture(f["head_height"] * 0.82)).abs_().mul_(-7).add_(1).clamp_(min=0)
    canvas.tint(canvas.coverage(front) * visible[:, None] * shine * 0.45, hair * 0.6 + 0.4)
    canvas.fill(front, hair, visible)
    curl = circle(x - 0.04, y + per_picture(f["head_height"] + 0.03), 0.06)
    canvas.line(curl, 0.016, hair, f["curl"])


def _brows(face: Face) -> None:
    f = face.f
    across = face.right - per_picture(f["eye_distance"])
    height = f["eye_height"] - f["eye_size"] * (0.75 + 0.35 * f["eye_open"]) - 0.02 - 0.04 * f["brow_height"]
    arch = across.square() * 2.5 - across * per_picture(0.35 * f["brow_angle"])
    width = f["eye_size"] * 1.15
    face.canvas.line(
        (face.y - per_picture(height)).sub_(arch),
        0.01 + 0.025 * f["brow_thickness"],
        face.hair * 0.75,
        0.4 + 0.6 * f["brow_thickness"].sqrt(),
        within=across.abs().sub_(per_picture(width)),
    )


def _eyes(face: Face) -> None:
    canvas, f, skin = face.canvas, face.f, face.skin
    count, size, side = len(skin), f["eye_size"], face.inner.sign()
    across, down = face.right - per_picture(f["eye_distance"]), face.y - per_picture(f["eye_height"])
    half_open = size * 0.75 * f["eye_open"]
    lid = (across * per_picture(1 / size)).square_().neg_().add_(1).mul_(per_picture(half_open))
    opening = down.abs() - lid
    # both eyes look the same way although their frames are mirrored
    looking = across - side * per_picture(f["gaze_x"] * size * 0.4)
    seen = down - per_picture(f["gaze_y"] * size * 0.15)
    distance = (looking.square() + seen.square()).sqrt_()
    radius = size * 0.56
    sparkle = circle(looking + side * 0.025, seen + per_picture(radius * 0.4), radius * 0.28)
    canvas.shade(sparkle, constant(count, (1, 1, 1)), 0.9)
    canvas.line(down + lid, 0.08 * size + 0.006, skin * 0.22, within=across.abs().sub_(per_picture(size * 1.05)))
    pupil = torch.maximum(distance - per_picture(radius * 0.5), opening)
    canvas.shade(pupil, constant(count, (0.03, 0.03, 0.04)), 1.0)
    canvas.fill(torch.maximum(distance - per_picture(radius), opening), ramp(f["iris"], IRIS))
    canvas.fill(opening, constant(count, (0.97, 0.97, 0.95)))
    socket = ellipse(across, down, size * 1.35, half_open + 0.05)
    canvas.shade(socket, skin * 0.72, 0.4)


def _mouth(face: Face) -> None:
    canvas, f, skin = face.canvas, face.f, face.skin
    count = len(skin)
    across = (face.inner * per_picture(1 / f["mouth_width"])).square_()
    fullness = 1 - across
    curve = (fullness - 0.5).mul_(per_picture(f["smile"] * 0.085))
    down = face.y - per_picture(f["mouth_height"]) - curve
    gap = fullness * per_picture(0.075 * f["mouth_open"] * (f["mouth_width"] * 5))
    opening = down.abs() - gap
    teeth = torch.maximum(opening, down + gap * 0.1)
    parted = (f["mouth_open"] * 10).clamp(0, 1)
    canvas.shade(teeth, constant(count, (0.96, 0.95, 0.92)), parted * 0.95)
    canvas.shade(opening, constant(count, (0.3, 0.06, 0.07)), parted)
    canvas.line(down, 0.011, skin * 0.35, 1 - parted, within=across.sqrt().sub_(1).mul_(per_picture(f["mouth_width"])))
    bare, painted = skin * torch.tensor([0.85, 0.55, 0.55]), constant(count, (0.75, 0.1, 0.18))
    red = torch.lerp(bare, painted, per_picture(f["lips"] * 0.7))
    lips = down.sub(0.008).abs_().sub_(gap).sub_(fullness * per_picture(0.022 + 0.035 * f["lips"]))
    canvas.shade(lips, red, 1.0)


def _nose(face: Face) -> None:
    canvas, f, skin = face.canvas, face.f, face.skin
    width = f["nose_width"]
    across = face.inner - per_picture(f["turn"] * 0.03)
    down = face.y - per_picture(f["eye_height"] + f["nose_length"])
    nostrils = ellipse(across.abs() - per_picture(width * 0.5), down - 0.015, width * 0.28, width * 0.18)
    canvas.shade(nostrils, skin * 0.35, 0.8)
    tip = ellipse(across, down + 0.01, width, width * 0.62)
    above = ellipse(across, down + 0.045, width * 1.1, width * 0.75)
    canvas.shade(torch.maximum(tip, -above), skin * 0.62, 0.75)
    ridge = ellipse(across, down + per_picture(f["nose_length"] * 0.45), width * 0.32, f["nose_length"] * 0.5)
    canvas.shade(ridge, skin * 0.8 + 0.2, 0.45)
    side = across * per_picture(f["light"].sign()) + per_picture(width * 0.45)
    flank = ellipse(side, down + per_picture(f["nose_length"] * 0.4), width * 0.3, f["nose_length"] * 0.5)
    canvas.shade(flank, skin * 0.7, 0.5 * f["light"].abs().clamp(max=1))


def _head(face: Face) -> None:
    """The head with its beard, its cheeks and the light that falls on it from one side."""
    canvas, f, x, y, skin = face.canvas, face.f, face.x, face.y, face.skin
    narrowing = y.clamp(min=0).mul_(per_picture(f["jaw"])).add_(1)
    head = ellipse(x * narrowing, y, f["head_width"], f["head_height"])
    cover = canvas.coverage(head)
    above_beard = y - per_picture(f["mouth_height"] - 0.09) - face.inner.square() * 1.2
    canvas.tint(canvas.coverage(-above_beard) * cover * per_picture(f["beard"] * 0.85), face.hair * 0.85)
    from_cheek = (face.right - 0.27).square_() + (y - per_picture(f["eye_height"] + 0.22)).square_()
    cheek = (1 - from_cheek * 30).clamp_(min=0)
    canvas.tint(cheek * cover * per_picture(f["blush"] * 0.6), skin * torch.tensor([1.0, 0.62, 0.6]))
    lit = (x * per_picture(f["light"] * 1.1)).add_(0.1)
    canvas.tint(lit.neg().clamp_(0, 1).mul_(cover), skin * 0.5)
    canvas.tint(lit.clamp_(0, 1).mul_(cover).mul_(0.35), skin * 0.7 + 0.3)
    canvas.fill(head, skin)


def _ears(face: Face) -> None:
    f = face.f
    across, down = face.x.abs() - per_picture(f["head_width"]), face.y - per_picture(f["eye_height"] + 0.09)
    ears = ellipse(across, down, 0.075, 0.13)
    bare = (1 - f["hair_length"] * 4).clamp(0, 1)
    face.canvas.shade(ears + 0.03, face.skin * 0.7, bare)
    face.canvas.fill(ears, face.skin * 0.92, bare)


def _neck_and_shirt(face: Face) -> None:
    canvas, f, x, y = face.canvas, face.f, face.x, face.y
    chin = f["head_height"]
    neck = x.abs() - per_picture(f["head_width"] * 0.52)
    shirt = hsv(f["shirt_hue"], 0.6, f["shirt_value"])
    shoulders = ellipse(x, y - per_picture(chin + 0.62 + f["neck"]), 0.95, 0.62)
    canvas.fill(torch.maximum(torch.maximum(neck, -y), -shoulders - 0.12), face.skin * 0.72)
    canvas.line(shoulders, 0.02, shirt * 0.7)
    canvas.fill(shoulders, shirt)


def _background(canvas: Canvas, f: Factors) -> None:
    _, y = canvas.leave()
    top = hsv(f["background_hue"], 0.45, f["background_value"])
    bottom = hsv((f["background_hue"] + 0.06).frac(), 0.55, f["background_value"] * 0.65)
    canvas.gradient((1 - y) * 0.5, top, bottom)
