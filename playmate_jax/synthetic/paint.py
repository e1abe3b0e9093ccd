"""The moving features of a face, painted per pixel: eyes, brows, wrinkles, lips, teeth, tongue.

All curves are in the head's frame after expression (x right, y down); edges are ramps over the
width `aa` of a pixel. Displacements follow `expression._MOVES`, so that keypoints stay on their
features.
"""

import math
from typing import NamedTuple

from playmate_jax.synthetic.compiled import inlined, jit
from playmate_jax.synthetic.expression import UNIT
from playmate_jax.synthetic.surface import smoothstep


class Features(NamedTuple):
    """Positions and sizes of the features of one frame, in head units."""

    mouth_x: float
    mouth_w: float
    mid: float  # y of the lip line at the centre
    corner: float  # y of both corners below the centre
    tilt: float  # right corner above the left
    up: float  # upper lip's inner edge above the line
    lo: float  # lower lip's inner edge below it
    thick_up: float
    thick_lo: float
    teeth_up: float  # y of the edge of the upper teeth
    teeth_lo: float
    press: float
    jaw: float
    fv: float
    round: float
    smile: float
    lid_l: float
    lid_r: float
    gaze_x: float
    gaze_y: float
    cheek: float
    frown: float
    brow_l: float
    brow_r: float
    brow_tilt: float


_I = UNIT  # compiled code below uses plain numbers
_JAW, _WIDE, _ROUND, _CLOSE, _FV = _I["jaw"], _I["wide"], _I["round"], _I["close"], _I["fv"]
_SMILE, _ASYM, _LIP_UP, _LIP_LO = _I["smile"], _I["asym"], _I["lip_up"], _I["lip_lo"]
_BROW_L, _BROW_R, _FROWN, _TILT = _I["brow_l"], _I["brow_r"], _I["frown"], _I["brow_tilt"]
_LID_L, _LID_R, _GAZE_X, _GAZE_Y = _I["lid_l"], _I["lid_r"], _I["gaze_x"], _I["gaze_y"]
_CHEEK = _I["cheek"]


@jit
def features(e, p):
    """`Features` of one frame from its units e (18,) and the person's `Shape` p."""
    jaw, close, fv = e[_JAW], e[_CLOSE], e[_FV]
    free = (1 - close) * (1 - 0.8 * fv)
    up = (0.01 * jaw + 0.05 * e[_LIP_UP] + 0.008 * e[_ROUND] * jaw) * free + 0.045 * fv
    lo = (0.19 * jaw + 0.055 * e[_LIP_LO] + 0.012 * e[_ROUND]) * free
    mid = p.mouth_y + 0.02 * e[_SMILE] + 0.05 * jaw * close + 0.012 * fv
    width = p.mouth_w * (1 + 0.28 * e[_WIDE] + 0.18 * e[_SMILE] - 0.42 * e[_ROUND] - 0.08 * jaw)
    full = (1 - 0.55 * close) * (1 + 0.35 * e[_ROUND]) * (1 - 0.12 * max(e[_WIDE], 0.0))
    return Features(
        0.012 * e[_ASYM], max(width, 0.07), mid,
        -0.095 * e[_SMILE] + 0.05 * jaw - 0.03 * jaw * close, 0.05 * e[_ASYM],
        up, lo, p.lip_up * full * (1 - 0.25 * e[_LIP_UP]) * (1 - 0.3 * fv),
        p.lip_lo * full * (1 - 0.45 * fv),
        p.mouth_y + 0.014 + 0.02 * fv + 0.015 * jaw,
        p.mouth_y + 0.02 + 0.16 * jaw, close, jaw, fv, e[_ROUND], e[_SMILE],
        e[_LID_L], e[_LID_R], e[_GAZE_X], e[_GAZE_Y], e[_CHEEK], e[_FROWN],
        e[_BROW_L], e[_BROW_R], e[_TILT],
    )  # fmt: skip


@inlined
def cover(d, aa):
    """Coverage of a pixel at signed distance d from an edge: 1 inside, 0 outside, linear over one
    pixel of width aa."""
    return min(max(0.5 - d / aa, 0.0), 1.0)


@inlined
def mix(r, g, b, colour, scale, w):
    """The colour (r, g, b) blended with `colour * scale` by the weight w."""
    return (
        r + w * (colour[0] * scale - r),
        g + w * (colour[1] * scale - g),
        b + w * (colour[2] * scale - b),
    )


@inlined
def paint_eye(x, y, aa, r, g, b, f, p, colours):
    """The colour (r, g, b) at (x, y) with the eye and brow of that side of the face."""
    left = x < 0
    side = -1.0 if left else 1.0
    lid = f.lid_l if left else f.lid_r
    eu = (abs(x) - p.eye_x) / p.eye_w  # +1 at the outer corner
    ev = y - p.eye_y + p.eye_tilt * eu
    bell = 1 - eu * eu
    bell = max(bell, 0.0) ** 0.75 if bell > 0 else 0.0
    rest_up = -p.eye_h * bell * (1 - 0.12 * eu) + 0.014 * f.gaze_y * bell
    edge_lo = (0.52 - 0.34 * f.cheek - 0.12 * max(f.smile, 0.0)) * p.eye_h * bell
    edge_up = rest_up + lid * (edge_lo - rest_up)
    if abs(eu) < 1.5 and abs(ev) < 0.3:
        # the fold above the lid moves up a little less than the lid moves down
        fold = ev - (rest_up - 0.035 + 0.02 * lid) + 0.012 * (1 - bell)
        crease = math.exp(-((fold / 0.012) ** 2)) * (1 - smoothstep(abs(eu), 0.8, 1.1))
        dim = 1 - (0.12 + 0.18 * p.shadow) * crease
        bag = ev - edge_lo - 0.05 + 0.02 * f.cheek
        dim -= (0.05 + 0.16 * f.cheek) * math.exp(-((bag / 0.014) ** 2)) * bell
        skin_lid = cover(rest_up - 0.02 - ev, 0.02) * cover(ev - edge_up, 0.02) * bell
        dim -= 0.10 * skin_lid * max(lid, 0.0)
        r, g, b = r * dim, g * dim, b * dim
        shape = max(abs(eu) - 1, 0.0) * p.eye_w + max(edge_up - ev, ev - edge_lo)
        inside = cover(shape, aa) * cover(edge_up - edge_lo + 0.5 * aa, aa)
        if inside > 0:
            ix, iy = abs(x) * side - side * p.eye_x - 0.06 * f.gaze_x, ev - 0.04 * f.gaze_y + 0.012
            d = math.sqrt(ix * ix + iy * iy)
            shade = 1 - 0.30 * math.exp(-(((ev - edge_up) / 0.028) ** 2)) - 0.18 * eu * eu
            er, eg, eb = 0.95 * shade, 0.94 * shade, 0.93 * shade
            ring = 0.75 + 0.5 * min(d / p.iris, 1.0) - 0.7 * smoothstep(d / p.iris, 0.78, 1.0)
            er, eg, eb = mix(er, eg, eb, colours[3], ring * shade, cover(d - p.iris, aa))
            w = cover(d - 0.45 * p.iris, aa)
            er, eg, eb = er * (1 - w) + 0.03 * w, eg * (1 - w) + 0.03 * w, eb * (1 - w) + 0.03 * w
            hx, hy = ix + 0.022, iy + 0.026
            w = 0.9 * cover(math.sqrt(hx * hx + hy * hy) - 0.016, aa)
            er, eg, eb = er + w * (1 - er), eg + w * (1 - eg), eb + w * (1 - eb)
            r, g, b = r + inside * (er - r), g + inside * (eg - g), b + inside * (eb - b)
        ends = 1 - smoothstep(abs(eu), 0.96, 1.1)
        lash = math.exp(-(((ev - edge_up + 0.004) / 0.013) ** 2)) * ends * 0.88
        lash = max(lash, 0.30 * math.exp(-(((ev - edge_lo) / 0.008) ** 2)) * ends)
        dark = 1 - lash
        r, g, b = r * dark + 0.03 * lash, g * dark + 0.02 * lash, b * dark + 0.02 * lash
    # brow: centre line and thickness along bu, -1 at the inner end
    bu = (abs(x) - p.eye_x + 0.05 * f.frown + 0.01 * f.brow_tilt - 0.01) / p.brow_len
    if abs(bu) < 1.3:
        raised = f.brow_l if left else f.brow_r
        line = p.eye_y - p.brow_y - p.brow_arch * (1 - bu * bu) + 0.02 * bu * bu
        line += -0.09 * raised + 0.045 * f.frown * (1 - 0.7 * bu) + 0.055 * f.brow_tilt * bu
        thick = p.brow_th * min(max(1.05 - 0.4 * (bu + 0.6), 0.3), 1.1)
        w = cover(abs(y - line) - thick, max(aa, 0.02)) * cover((abs(bu) - 1) * p.brow_len, 0.03)
        w *= 0.85 + 0.15 * math.sin(90 * (bu * p.brow_len + 0.5 * (y - line)))
        r, g, b = mix(r, g, b, colours[2], 1.0, 0.92 * w)
    return r, g, b


@inlined
def paint_frown(x, y, r, g, b, f, p):
    """The colour (r, g, b) at (x, y) with the wrinkles of a frown or a raised forehead."""
    raised = max(0.5 * (f.brow_l + f.brow_r), 0.0) + 0.7 * max(f.brow_tilt, 0.0)
    if abs(x) > 0.45 or f.frown + raised == 0:
        return r, g, b
    d = (abs(x) - 0.042) / 0.013
    v = (y - p.eye_y + 0.14) / 0.07
    dark = 0.38 * f.frown * math.exp(-d * d - v * v * v * v)
    wave = math.sin((y - p.eye_y + 0.36) * 60 + 0.6 * math.cos(9 * x))
    fade = math.exp(-((x / 0.30) ** 4) - (((y - p.eye_y + 0.41) / 0.09) ** 4))
    dark += 0.10 * raised * fade * max(wave, 0.0)
    return r * (1 - dark), g * (1 - dark), b * (1 - dark)


@inlined
def paint_mouth(x, y, aa, r, g, b, f, p, colours):
    """The colour (r, g, b) at (x, y) with lips, and between them teeth, tongue and cavity."""
    u = (x - f.mouth_x) / f.mouth_w
    if abs(u) > 1.35 or y < f.mid - 0.28 or y > f.mid + 0.42:
        return r, g, b
    v = y - f.mid
    u2 = min(u * u, 1.0)
    bell, arc = 1 - u2, math.sqrt(max(1 - u2, 0.0))
    line = f.corner * u2 - f.tilt * u * abs(u)
    bow = math.exp(-((u / 0.15) ** 2))
    line += 0.006 * bow * (1 - f.press) * (1 - min(8 * f.lo, 1.0))
    in_up = line - f.up * (0.6 * bell + 0.4 * arc)
    in_lo = line + f.lo * (0.35 * bell + 0.65 * arc)
    out_up = in_up - f.thick_up * (0.6 * arc + 0.4 * bell) * (1 + 0.22 * p.bow - 0.6 * p.bow * bow)
    out_lo = in_lo + f.thick_lo * arc
    within = cover((abs(u) - 1) * f.mouth_w, aa)
    # fold from the corner when it is pulled, dimple below a pressed mouth
    pull = max(-f.corner, 0.0) * 4
    corner_y = line if abs(u) < 1 else f.corner - f.tilt * (1 if u > 0 else -1)
    cx, cy = (abs(u) - 1.10) * f.mouth_w / 0.020, (v - corner_y) / 0.05
    dark = (0.10 + 0.25 * pull) * math.exp(-cx * cx - cy * cy)
    below = (v - out_lo - 0.02) / 0.016
    dark += (0.10 + 0.12 * f.press) * math.exp(-below * below) * max(bell, 0.0)
    r, g, b = r * (1 - dark), g * (1 - dark), b * (1 - dark)
    lips = cover(max(out_up - v, v - out_lo), aa) * within
    if lips > 0:
        if v < line:
            tone = 0.86
        else:
            shine = (v - 0.6 * in_lo - 0.4 * out_lo - 0.008) / 0.016
            tone = 1.0 + 0.16 * math.exp(-shine * shine) * bell
        r, g, b = mix(r, g, b, colours[4], tone, 0.92 * lips)
    gap = cover(max(in_up - v, v - in_lo), aa) * within * min((f.lo + f.up) * 60, 1.0)
    if gap > 0:
        depth = min((v - in_up) / 0.06, 1.0)
        mr, mg, mb = 0.24 - 0.10 * depth, 0.06, 0.07
        top = in_lo - 0.42 * f.lo * (1 - 0.5 * f.round)
        w = 0.9 * cover(top - v + 0.25 * u2 * f.lo, 0.04) * cover((abs(u) - 0.72) * 0.2, 0.05)
        w *= min(f.jaw * 3, 1.0)
        mr, mg, mb = mr + w * (0.72 - mr), mg + w * (0.33 - mg), mb + w * (0.33 - mb)
        # teeth follow the bones: the upper row is fixed, the lower one moves with the jaw
        y_up, y_lo = y - f.teeth_up - 0.018 * bell, y - f.teeth_lo + 0.01 * bell
        notch = 1 - 0.16 * math.exp(-((math.sin(x * 52.0) / 0.22) ** 2))
        rows = cover(y_up, aa)
        rows = max(rows, 0.9 * cover(-y_lo, aa) * (1 if f.lo > 0.02 else 0))
        rows *= cover((abs(u) - 0.86) * 0.2, 0.04)
        white = notch * (1 - 0.35 * u2)
        mr, mg, mb = (mr + rows * (0.94 * white - mr), mg + rows * (0.92 * white - mg),
                      mb + rows * (0.87 * white - mb))  # fmt: skip
        shade = (v - in_up) / 0.014
        shade = 1 - 0.38 * math.exp(-shade * shade)
        r, g, b = r + gap * (mr * shade - r), g + gap * (mg * shade - g), b + gap * (mb * shade - b)
    seam = math.exp(-(((v - line) / 0.009) ** 2)) * cover((abs(u) - 1.02) * f.mouth_w, 0.02)
    seam *= 0.6 * max(1 - (f.lo + f.up) * 40, 0.0)
    return r * (1 - seam), g * (1 - seam), b * (1 - seam)
