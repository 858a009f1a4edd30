"""Draws the head of a cat from its factors."""

import torch
from torch import Tensor

from .canvas import Canvas
from .draws import Draws, Factors
from .shapes import constant, ellipse, hsv, per_picture, ramp, triangle

BLACK, GREY, BROWN = (0.12, 0.12, 0.14), (0.42, 0.42, 0.46), (0.55, 0.36, 0.2)
GINGER, CREAM, WHITE = (0.88, 0.52, 0.2), (0.93, 0.8, 0.6), (0.97, 0.96, 0.94)
FUR = (BLACK, GREY, BROWN, GINGER, CREAM, WHITE)
IRIS = ((0.95, 0.75, 0.15), (0.6, 0.8, 0.25), (0.3, 0.7, 0.5), (0.4, 0.7, 0.95))


def cats(draw: Draws) -> Factors:
    """Heads of cats: plain, striped or with a white muzzle."""
    return {
        "x": draw.bell("x", -0.12, 0.12),
        "y": draw.bell("y", 0.08, 0.24),
        "scale": draw.bell("scale", 0.95, 1.25),
        "tilt": draw.bell("tilt", -0.3, 0.3),
        "turn": draw.bell("turn", -1.0, 1.0),
        "head_width": draw.bell("head_width", 0.6, 0.72),
        "head_height": draw.bell("head_height", 0.48, 0.58),
        "fur": draw.uniform("fur", 0.0, 1.0),
        "stripes": draw.chance("striped", 0.5) * draw.uniform("stripes", 0.4, 0.9),
        "white": draw.chance("white_muzzle", 0.5),
        "ear_width": draw.bell("ear_width", 0.19, 0.27),
        "ear_height": draw.bell("ear_height", 0.38, 0.58),
        "ear_spread": draw.bell("ear_spread", 0.34, 0.42),
        "eye_distance": draw.bell("eye_distance", 0.25, 0.31),
        "eye_size": draw.bell("eye_size", 0.12, 0.17),
        "eye_open": draw.bell("eye_open", 0.7, 1.1),
        "iris": draw.uniform("iris", 0.0, 1.0),
        "pupil": draw.uniform("pupil", 0.15, 0.8),
        "gaze_x": draw.bell("gaze_x", -1.0, 1.0),
        "nose_size": draw.bell("nose_size", 0.07, 0.1),
        "nose_pink": draw.uniform("nose_pink", 0.0, 1.0),
        "smile": draw.uniform("smile", 0.5, 1.0),
        "whiskers": draw.bell("whiskers", -0.25, 0.35),
        "collar_hue": draw.uniform("collar_hue", 0.0, 1.0),
        "background_hue": draw.uniform("background_hue", 0.0, 1.0),
        "background_value": draw.uniform("background_value", 0.35, 1.0),
        "light": draw.bell("light", -1.0, 1.0),
    }


def draw_cat(canvas: Canvas, f: Factors) -> None:
    """Draw the cat with factors ``f`` and everything around it; the canvas is full afterwards."""
    x, y = canvas.place(f["x"], f["y"], f["scale"], f["tilt"])
    inner = x - per_picture(f["turn"] * 0.08)
    right = inner.abs()
    fur = ramp(f["fur"], FUR)
    _whiskers(canvas, right, y, f)
    _eyes(canvas, inner, right, y, f)
    _muzzle(canvas, inner, right, y, f, fur)
    _fur(canvas, x, inner, right, y, f, fur)
    _ears(canvas, x, y, f, fur)
    _body_and_background(canvas, x, y, f, fur)


def _whiskers(canvas: Canvas, right: Tensor, y: Tensor, f: Factors) -> None:
    # dark whiskers on pale fur
    light = (0.95 - 0.8 * (f["fur"] > 0.75).float())[:, None].expand(-1, 3)
    reach = (right - 0.5).abs_().sub_(0.36)
    for start, slope in ((0.14, 0.0), (0.2, 0.28)):
        droop = (right - 0.14) * per_picture(f["whiskers"] * 0.5 + slope)
        canvas.line(y - start - droop, 0.007, light, within=reach)


def _eyes(canvas: Canvas, inner: Tensor, right: Tensor, y: Tensor, f: Factors) -> None:
    count, size = len(f["x"]), f["eye_size"]
    across, down = right - per_picture(f["eye_distance"]), y + 0.04 + (right - 0.28) * 0.25
    opening = ellipse(across, down, size, size * 0.85 * f["eye_open"])
    looking = across - inner.sign() * per_picture(f["gaze_x"] * size * 0.3)
    sparkle = ellipse(looking + inner.sign() * 0.035, down + 0.045, 0.03, 0.03)
    canvas.shade(torch.maximum(sparkle, opening), constant(count, (1, 1, 1)), 0.95)
    slit = ellipse(looking, down, size * f["pupil"] * 0.75, size * 0.78)
    canvas.fill(torch.maximum(slit, opening), constant(count, (0.03, 0.03, 0.03)))
    canvas.fill(opening, ramp(f["iris"], IRIS))
    canvas.fill(opening - 0.025, constant(count, (0.06, 0.05, 0.05)))


def _muzzle(canvas: Canvas, inner: Tensor, right: Tensor, y: Tensor, f: Factors, fur: Tensor) -> None:
    size = f["nose_size"]
    pink = ramp(f["nose_pink"], ((0.25, 0.16, 0.16), (0.95, 0.55, 0.58)))
    nose = triangle(inner, -(y - 0.09), size, size * 0.9)
    canvas.fill(nose, pink)
    dark = fur * 0.25
    lip = (right - 0.1).square_().mul_(-7).add_(0.07).mul_(per_picture(f["smile"])).add_(0.21)
    canvas.line(y - lip, 0.013, dark, within=right - 0.19)
    canvas.line(inner, 0.012, dark, within=(y - 0.17).abs_().sub_(0.06))
    white = torch.lerp(fur * 0.75 + 0.25, constant(len(fur), (0.98, 0.97, 0.95)), f["white"][:, None])
    canvas.fill(ellipse(right - 0.11, y - 0.2, 0.155, 0.13), white)
    blaze = torch.maximum(ellipse(inner, y + 0.05, 0.1, 0.36), -y - 0.42)
    canvas.shade(blaze, white, f["white"] * 0.85)


def _fur(canvas: Canvas, x: Tensor, inner: Tensor, right: Tensor, y: Tensor, f: Factors, fur: Tensor) -> None:
    cheeks = y.clamp(min=0).mul_(0.35).add_(1)
    head = ellipse(x * cheeks, y, f["head_width"], f["head_height"])
    cover = canvas.coverage(head)
    forehead = torch.minimum(right - 0.028, (right - 0.12 - y * 0.05).abs_().sub_(0.026))
    forehead = torch.maximum(forehead, y + 0.2)
    cheek = torch.maximum((y - 0.06 - right * 0.2).abs_().sub_(0.12).abs_().sub_(0.024), 0.42 - right)
    canvas.tint(canvas.coverage(torch.minimum(forehead, cheek)) * cover * per_picture(f["stripes"]), fur * 0.45)
    lit = x * per_picture(f["light"] * 0.9)
    canvas.tint(lit.neg().clamp_(0, 1).mul_(cover), fur * 0.45)
    canvas.tint(lit.clamp_(0, 1).mul_(cover).mul_(0.35), fur * 0.6 + 0.4)
    canvas.fill(head, fur)


def _ears(canvas: Canvas, x: Tensor, y: Tensor, f: Factors, fur: Tensor) -> None:
    across, down = x.abs() - per_picture(f["ear_spread"]), y + per_picture(f["head_height"] * 0.55)
    across = across + down * 0.25
    inside = triangle(across, down - 0.02, f["ear_width"] * 0.58, f["ear_height"] * 0.72)
    canvas.fill(inside, fur * 0.4 + torch.tensor([0.55, 0.32, 0.32]))
    canvas.fill(triangle(across, down - 0.05, f["ear_width"], f["ear_height"]), fur * 0.88)


def _body_and_background(canvas: Canvas, x: Tensor, y: Tensor, f: Factors, fur: Tensor) -> None:
    collar = ellipse(x, y - per_picture(f["head_height"] * 0.55), f["head_width"] * 0.72, f["head_height"] * 0.72)
    body = ellipse(x, y - per_picture(f["head_height"] + 0.6), f["head_width"] * 1.05, 0.85)
    canvas.fill(torch.maximum(collar, body), hsv(f["collar_hue"], 0.75, 0.85))
    canvas.fill(body, fur * 0.78)
    _, y = canvas.leave()
    top = hsv(f["background_hue"], 0.45, f["background_value"])
    canvas.gradient((1 - y) * 0.5, top, hsv((f["background_hue"] + 0.06).frac(), 0.55, f["background_value"] * 0.65))
