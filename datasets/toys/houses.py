"""Draws a house in a landscape from its factors."""

import torch
from torch import Tensor

from .canvas import Canvas
from .draws import Draws, Factors
from .shapes import box, circle, constant, ellipse, hsv, per_picture, ramp, triangle

WHITE, YELLOW, BRICK = (0.95, 0.93, 0.86), (0.93, 0.8, 0.55), (0.8, 0.45, 0.35)
BLUE, GREEN, TIMBER = (0.65, 0.72, 0.78), (0.78, 0.85, 0.7), (0.5, 0.42, 0.36)
WALL = (WHITE, YELLOW, BRICK, BLUE, GREEN, TIMBER)
ROOF = ((0.65, 0.2, 0.14), (0.45, 0.25, 0.16), (0.25, 0.27, 0.32), (0.3, 0.4, 0.35))
SKY = ((0.25, 0.45, 0.85), (0.5, 0.75, 0.97), (0.95, 0.6, 0.4), (0.12, 0.14, 0.32))
GRASS = ((0.3, 0.55, 0.2), (0.5, 0.62, 0.25), (0.75, 0.65, 0.35), (0.9, 0.93, 0.96))


def houses(draw: Draws) -> Factors:
    """Houses with a pitched roof, a door, windows, a tree and a sky."""
    return {
        "x": draw.bell("x", -0.25, 0.25),
        "ground": draw.bell("ground", 0.45, 0.75),
        "scale": draw.bell("scale", 0.95, 1.4),
        "width": draw.bell("width", 0.35, 0.65),
        "height": draw.bell("height", 0.28, 0.5),
        "roof_height": draw.bell("roof_height", 0.25, 0.6),
        "eaves": draw.bell("eaves", 0.03, 0.14),
        "wall": draw.uniform("wall", 0.0, 1.0),
        "roof": draw.uniform("roof", 0.0, 1.0),
        "door_x": draw.uniform("door_x", -1.0, 1.0),
        "door_width": draw.bell("door_width", 0.07, 0.12),
        "door_hue": draw.uniform("door_hue", 0.0, 1.0),
        "windows": draw.bell("windows", 0.26, 0.44),
        "window_size": draw.bell("window_size", 0.06, 0.11),
        "lit": draw.chance("lit", 0.4),
        "chimney": draw.chance("chimney", 0.6),
        "chimney_x": draw.uniform("chimney_x", -0.6, 0.6),
        "sky": draw.uniform("sky", 0.0, 1.0),
        "sun_x": draw.uniform("sun_x", -0.9, 0.9),
        "sun_y": draw.uniform("sun_y", -0.9, -0.5),
        "grass": draw.uniform("grass", 0.0, 1.0),
        "hill": draw.bell("hill", 0.0, 0.5),
        "hill_x": draw.uniform("hill_x", -1.0, 1.0),
        "tree": draw.chance("tree", 0.75),
        "tree_x": draw.bell("tree_x", 0.2, 0.45) * (2 * draw.chance("tree_right", 0.5) - 1),
        "tree_size": draw.bell("tree_size", 0.16, 0.34),
    }


def draw_house(canvas: Canvas, f: Factors) -> None:
    """Draw the house with factors ``f`` and its landscape; the canvas is full afterwards."""
    # the origin is the middle of the house's foot
    x, y = canvas.place(f["x"], f["ground"], f["scale"], torch.zeros_like(f["x"]))
    _tree(canvas, x, y, f)
    _openings(canvas, x, y, f)
    _roof_and_walls(canvas, x, y, f)
    _landscape(canvas, f)


def _tree(canvas: Canvas, x: Tensor, y: Tensor, f: Factors) -> None:
    count, size = len(f["x"]), f["tree_size"]
    side = f["tree_x"].sign() * (f["width"] + 0.08) + f["tree_x"]
    across, up = x - per_picture(side), y + per_picture(size * 1.9)
    green = torch.lerp(constant(count, (0.1, 0.35, 0.16)), ramp(f["grass"], GRASS), 0.35)
    crown = circle(across, up, size)
    sides = circle(across.abs() - per_picture(size * 0.5), up - per_picture(size * 0.5), size * 0.7)
    lobes = torch.minimum(crown, sides)
    lit = circle(across + per_picture(size * 0.3), up + per_picture(size * 0.3), size * 0.45)
    canvas.shade(torch.maximum(lit, lobes), green + 0.1, f["tree"] * 0.8)
    canvas.fill(lobes, green, f["tree"])
    trunk = box(across, y + per_picture(size * 0.75 - 0.025), size * 0.16, size * 0.75 + 0.025)
    canvas.fill(trunk, constant(count, (0.33, 0.22, 0.14)), f["tree"])


def _openings(canvas: Canvas, x: Tensor, y: Tensor, f: Factors) -> None:
    count = len(f["x"])
    door_height = f["height"] * 0.58
    across = x - per_picture(f["door_x"] * (f["width"] - f["door_width"] * 1.6))
    door = box(across, y + per_picture(door_height / 2), f["door_width"], door_height / 2)
    knob = circle(across - per_picture(f["door_width"] * 0.6), y + per_picture(door_height * 0.45), 0.016)
    canvas.fill(knob, constant(count, (0.95, 0.85, 0.4)))
    canvas.fill(door, hsv(f["door_hue"], 0.65, 0.55))
    canvas.fill(door - 0.02, constant(count, (0.93, 0.92, 0.9)))
    # a row of windows, left out where the wall ends
    pitch = per_picture(f["windows"])
    column = (x / pitch).round()
    offset = x - column * pitch
    down = y + per_picture(f["height"] * 0.74)
    pane = box(offset, down, f["window_size"], f["window_size"] * 0.95)
    within = (column * pitch).abs() - per_picture(f["width"] - f["window_size"] - 0.03)
    pane = torch.maximum(pane, torch.where(within < 0, -1.0, 1.0))
    glass = torch.lerp(constant(count, (0.45, 0.62, 0.75)), constant(count, (1.0, 0.88, 0.45)), f["lit"][:, None])
    white = constant(count, (0.95, 0.95, 0.93))
    canvas.line(torch.minimum(offset.abs(), down.abs()), 0.01, white, within=pane)
    canvas.fill(pane, glass)
    canvas.fill(pane - 0.018, white)


def _roof_and_walls(canvas: Canvas, x: Tensor, y: Tensor, f: Factors) -> None:
    wall, roof = ramp(f["wall"], WALL), ramp(f["roof"], ROOF)
    above = y + per_picture(f["height"])
    gable = triangle(x, above, f["width"] + f["eaves"], f["roof_height"])
    tiles = ((above / 0.09).round() * 0.09 - above).abs_()
    canvas.line(tiles, 0.008, roof * 0.7, within=gable)
    canvas.fill(gable, roof)
    across = x - per_picture(f["chimney_x"] * f["width"])
    chimney = box(across, above + per_picture(f["roof_height"] * 0.6), 0.07, f["roof_height"] * 0.5)
    canvas.fill(chimney, roof * 0.6 + 0.1, f["chimney"])
    walls = box(x, y + per_picture(f["height"] / 2), f["width"], f["height"] / 2)
    shadow = (0.09 - above).mul_(12).clamp_(0, 1).mul_(0.35)
    canvas.tint(canvas.coverage(walls) * shadow, wall * 0.4)
    canvas.fill(walls, wall)


def _landscape(canvas: Canvas, f: Factors) -> None:
    count = len(f["x"])
    x, y = canvas.leave()
    grass, sky = ramp(f["grass"], GRASS), ramp(f["sky"], SKY)
    ground = per_picture(f["ground"] - 0.1) - y
    nearer = ((y - per_picture(f["ground"])) * 1.5).clamp_(0, 0.4)
    cover = canvas.coverage(ground)
    canvas.tint(cover * nearer, grass * 0.55)
    canvas.tint(cover, grass)
    hill = ellipse(x - per_picture(f["hill_x"]), y - per_picture(f["ground"]), 1.0, f["hill"] + 0.15)
    canvas.fill(hill, torch.lerp(grass * 0.75, sky, 0.35))
    sun = circle(x - per_picture(f["sun_x"]), y - per_picture(f["sun_y"]), 0.13)
    canvas.fill(sun, constant(count, (1.0, 0.95, 0.7)))
    canvas.gradient((1 - y) * 0.5, sky, sky * 0.5 + 0.5)
