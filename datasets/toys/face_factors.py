"""What the faces of each face domain look like: the distributions of their factors.

Lengths are in units of half the picture's width; shares, tones and hues lie in [0, 1].
"""

import torch

from .draws import Draws, Factors


def adults(draw: Draws) -> Factors:
    """Grown-up faces of all tones, with and without glasses, beards, long hair."""
    long_haired = draw.chance("long_haired", 0.5)
    bald = draw.chance("bald", 0.08) * (1 - long_haired)
    bearded = draw.chance("bearded", 0.4) * (1 - long_haired)
    skin = draw.uniform("skin", 0.0, 1.0)
    return {
        # pose
        "x": draw.bell("x", -0.12, 0.12),
        "y": draw.bell("y", -0.03, 0.13),
        "scale": draw.bell("scale", 0.95, 1.25),
        "tilt": draw.bell("tilt", -0.2, 0.2),
        "turn": draw.bell("turn", -1.0, 1.0),
        # head
        "head_width": draw.bell("head_width", 0.43, 0.55),
        "head_height": draw.bell("head_height", 0.58, 0.7),
        "jaw": draw.uniform("jaw", 0.1, 0.75),
        "skin": skin,
        "neck": draw.uniform("neck", 0.06, 0.14),
        "blush": draw.uniform("blush", 0.0, 0.5),
        # hair
        "hair_colour": (draw.uniform("hair_colour", 0.0, 1.0) * (1.1 - 0.75 * skin)).clamp(0, 1),
        "hair_volume": (1 - bald) * draw.uniform("hair_volume", 0.5, 1.0),
        "hair_receding": 0.35 * draw.chance("receding", 0.1) * (1 - long_haired),
        "curl": torch.zeros(draw.count),
        "hair_length": long_haired * draw.uniform("hair_length", 0.45, 1.0),
        "fringe": draw.uniform("fringe", 0.0, 1.0),
        "parting": draw.bell("parting", -1.0, 1.0),
        "beard": bearded * draw.uniform("beard", 0.4, 1.0),
        # brows and eyes
        "brow_height": draw.bell("brow_height", 0.0, 1.0),
        "brow_angle": draw.bell("brow_angle", -1.0, 1.0),
        "brow_thickness": draw.uniform("brow_thickness", 0.2, 1.0) * (1 - 0.5 * long_haired),
        "eye_distance": draw.bell("eye_distance", 0.19, 0.25),
        "eye_height": draw.bell("eye_height", -0.1, 0.0),
        "eye_size": draw.bell("eye_size", 0.095, 0.135),
        "eye_open": draw.bell("eye_open", 0.45, 0.9),
        "iris": draw.uniform("iris", 0.0, 1.0) * (1.1 - 0.8 * skin),
        "gaze_x": draw.bell("gaze_x", -1.0, 1.0),
        "gaze_y": draw.bell("gaze_y", -1.0, 1.0),
        # nose and mouth
        "nose_length": draw.bell("nose_length", 0.2, 0.3),
        "nose_width": draw.bell("nose_width", 0.06, 0.11),
        "mouth_height": draw.bell("mouth_height", 0.32, 0.4),
        "mouth_width": draw.bell("mouth_width", 0.13, 0.24),
        "smile": draw.uniform("smile", -0.6, 1.0),
        "mouth_open": (draw.uniform("mouth_open", -0.8, 1.0)).clamp(min=0),
        "lips": draw.uniform("lips", 0.2, 0.5) + 0.5 * long_haired * draw.uniform("lipstick", 0.0, 1.0),
        # what is worn, and what is behind
        "glasses": draw.chance("glasses", 0.15),
        "lens_tint": torch.zeros(draw.count),
        "frame_roundness": draw.uniform("frame_roundness", 0.2, 1.0),
        "frame_colour": draw.uniform("frame_colour", 0.0, 1.0),
        "shirt_hue": draw.uniform("shirt_hue", 0.0, 1.0),
        "shirt_value": draw.uniform("shirt_value", 0.2, 0.9),
        "background_hue": draw.uniform("background_hue", 0.0, 1.0),
        "background_value": draw.uniform("background_value", 0.35, 1.0),
        "light": draw.bell("light", -1.0, 1.0),
    }


def in_sunglasses(draw: Draws) -> Factors:
    """Adults who all wear dark glasses."""
    return adults(draw) | {
        "glasses": torch.ones(draw.count),
        "lens_tint": draw.uniform("lens_tint", 0.85, 1.0),
    }


def babies(draw: Draws) -> Factors:
    """Round heads with high foreheads, big low eyes, small noses and mouths, full cheeks and hardly any hair."""
    nothing = torch.zeros(draw.count)
    return adults(draw) | {
        "y": draw.bell("y", 0.0, 0.18),
        "scale": draw.bell("scale", 1.05, 1.3),
        "head_width": draw.bell("head_width", 0.56, 0.64),
        "head_height": draw.bell("head_height", 0.56, 0.64),
        "jaw": draw.uniform("jaw", -0.25, 0.1),
        "neck": draw.uniform("neck", -0.06, 0.0),
        "blush": draw.uniform("blush", 0.6, 1.0),
        "hair_volume": draw.uniform("hair_volume", 0.02, 0.13),
        "curl": draw.chance("curl", 0.7),
        "hair_receding": draw.uniform("hair_receding", 0.5, 0.75),
        "hair_length": nothing,
        "fringe": draw.uniform("fringe", 0.0, 0.1),
        "beard": nothing,
        "brow_thickness": draw.uniform("brow_thickness", 0.0, 0.2),
        "brow_height": draw.uniform("brow_height", 0.7, 1.3),
        "eye_distance": draw.bell("eye_distance", 0.24, 0.29),
        "eye_height": draw.bell("eye_height", 0.04, 0.12),
        "eye_size": draw.bell("eye_size", 0.145, 0.18),
        "eye_open": draw.bell("eye_open", 0.85, 1.15),
        "nose_length": draw.bell("nose_length", 0.13, 0.18),
        "nose_width": draw.bell("nose_width", 0.045, 0.065),
        "mouth_height": draw.bell("mouth_height", 0.34, 0.38),
        "mouth_width": draw.bell("mouth_width", 0.09, 0.14),
        "lips": draw.uniform("lips", 0.15, 0.4),
        "glasses": nothing,
        "shirt_value": draw.uniform("shirt_value", 0.85, 1.0),
        "background_value": draw.uniform("background_value", 0.8, 1.0),
    }


def drawn(draw: Draws) -> Factors:
    """Adults as a pencil draws them: with its pressure and the angle and pitch of its hatching."""
    return adults(draw) | {
        "pressure": draw.uniform("pressure", 0.6, 1.0),
        "hatch_angle": draw.bell("hatch_angle", 0.5, 1.1),
        "hatch_pitch": draw.uniform("hatch_pitch", 6.0, 8.0),
        "paper": draw.uniform("paper", 0.0, 1.0),
    }


def painted(draw: Draws) -> Factors:
    """Adults as a brush paints them: with a palette, the direction of its strokes and an unsteady hand."""
    return adults(draw) | {
        "palette": draw.uniform("palette", 0.0, 1.0),
        "stroke_angle": draw.uniform("stroke_angle", -1.2, 1.2),
        "stroke_strength": draw.uniform("stroke_strength", 0.6, 1.0),
        "wobble": draw.uniform("wobble", 0.0, 6.3),
    }
