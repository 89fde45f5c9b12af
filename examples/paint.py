"""One picture of a person: which surface each pixel shows, its colour, the light on it, the hair over it, the wall behind."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from examples import light
from examples.cast import Grown, Kit
from examples.drawing import FAR, Floats, Hit, Ints, linear, normals, rasterise, see, smooth
from examples.hair import Strands, ribbons, shine
from examples.person import Person
from examples.skin import BALL_RADIUS, cloth, eye_colour, marble, relief, skin_colour
from heads.headmodel import LEFT_EYE, LOWER_TEETH, MOUTH, RIGHT_EYE, SKIN, TONGUE, UPPER_TEETH

Mask = NDArray[np.bool_]

CAMERA = 15.0
"""Distance of the camera in eye distances: 1.4 m, where portraits are taken."""
NECK = np.array([0.0, 0.62, 1.15], np.float32)
"""Where the head turns on the neck."""
FOLLOW = 0.22
"""How much the shoulders turn with the head."""


@dataclass(frozen=True, eq=False)
class Camera:
    """How rest space comes to the screen."""

    turn: Rotation
    scale: float
    """Pixels per unit at the eyes."""
    middle: tuple[float, float]
    """Pixel of the middle of the eyes when the head looks straight ahead."""

    def stand(self, points: Floats, rest: Floats) -> Floats:
        """Points (..., 3) of a person after the head has turned on the neck, judged by their places at `rest`."""
        depth = rest[..., 1] - 0.35 * (0.9 - rest[..., 2])
        share = 1 - (1 - FOLLOW) * smooth(0.95, 2.0, depth)
        vector = self.turn.as_rotvec()
        angle = float(np.linalg.norm(vector))
        axis = (vector / angle if angle > 1e-9 else np.array([0.0, 1.0, 0.0])).astype(np.float32)
        p = points - NECK
        c, s = np.cos(share * angle)[..., None], np.sin(share * angle)[..., None]
        turned = p * c + np.cross(axis, p) * s + axis * (p @ axis)[..., None] * (1 - c)
        return np.asarray(turned + NECK, np.float32)

    def project(self, points: Floats) -> Floats:
        """Stood points (..., 3) to the screen: pixels, and depth in pixels."""
        near = (CAMERA / (CAMERA + points[..., 2:])) * self.scale
        xy = points[..., :2] * near + np.array(self.middle, np.float32)
        return np.asarray(np.concatenate([xy, points[..., 2:] * self.scale], -1), np.float32)


@dataclass(frozen=True, eq=False)
class Stage:
    """Everything that one picture needs."""

    person: Person
    mesh: Kit
    own: Grown
    camera: Camera
    studio: light.Studio
    size: tuple[int, int]
    fine: bool
    vertices: Floats
    """(F, 3) the person with the expression, unturned."""


TINTS = {
    MOUTH: (0.34, 0.09, 0.08),
    UPPER_TEETH: (0.80, 0.76, 0.68),
    LOWER_TEETH: (0.76, 0.71, 0.62),
    TONGUE: (0.55, 0.20, 0.19),
}
"""Linear colours of the inside of a healthy mouth."""
SHIRT_GAP = 0.016
"""How far a collar stands off the skin; the cloth below it hangs freer."""

FINEST = 1.15
"""Narrowest hair that is drawn, in pixels of the raster: narrower ones break into dots."""


def paint(stage: Stage) -> tuple[Floats, Floats]:
    """Linear light (H, W, 3) and matte (H, W) of a picture."""
    width, height = stage.size
    mesh, scale = stage.mesh, stage.camera.scale
    stood = stage.camera.stand(stage.vertices, stage.own.rest)
    screen = stage.camera.project(stood)
    normal = normals(stood, mesh.triangles)
    hit = without_stray_teeth(see(screen, mesh.triangles, stage.size), stage, screen)
    surface = Surface.of(stage, hit, normal)
    dressed = dress(stage, hit.depth)
    hairs = comb_all(stage)
    depth = np.where(dressed.mask, dressed.depth, hit.depth)
    mask = hit.mask | dressed.mask
    casters = [(screen, mesh.triangles[np.isin(mesh.part, (SKIN,))]), *((v, t) for v, t, _ in hairs)]

    def lit(at_mask: Mask) -> Floats:
        if not stage.fine:
            return np.ones(int(at_mask.sum()), np.float32)
        y, x = np.nonzero(at_mask)
        at = np.stack([x + 0.5, y + 0.5, depth[at_mask] - FAR], 1).astype(np.float32)
        points, triangles = merge(casters)
        return light.shadows(stage.studio.lamps[0].towards, points, triangles, at, scale)

    picture = light.backdrop(stage.size, stage.person.wall, stage.person.look.seed, stage.fine).copy()
    reach = np.ones((height, width), np.float32)
    reach[mask] = lit(mask)
    open_sky = light.crevices(depth, mask, scale) if stage.fine else np.ones((height, width), np.float32)
    picture[hit.mask] = surface.shade(stage, reach[hit.mask], open_sky[hit.mask])
    if dressed.mask.any():
        picture[dressed.mask] = dressed.shade(stage, reach[dressed.mask], open_sky[dressed.mask])
    buffer = np.full((height, width, 3), -1, np.float32)
    if hairs:
        vertices, triangles = merge([(v, t) for v, t, _ in hairs])
        rasterise(vertices, triangles, np.concatenate([colour for _, _, colour in hairs]), buffer, depth)
    hair = buffer[..., 0] >= 0
    mask = mask | hair
    if hair.any():
        shade = np.ones((height, width), np.float32)
        if stage.fine:
            shade[hair] = (0.35 + 0.65 * lit(hair)) * (0.55 + 0.45 * light.crevices(depth, mask, scale)[hair])
        picture[hair] = buffer[hair] * shade[hair][:, None]
    return picture, mask.astype(np.float32)


def merge(meshes: list[tuple[Floats, Ints]]) -> tuple[Floats, Ints]:
    """Several meshes as one."""
    start = np.cumsum([0, *(len(points) for points, _ in meshes)])
    return np.concatenate([points for points, _ in meshes]), np.concatenate(
        [triangles + first for (_, triangles), first in zip(meshes, start[:-1], strict=True)]
    ).astype(np.int32)


def without_stray_teeth(hit: Hit, stage: Stage, screen: Floats) -> Hit:
    """Teeth and tongue only where the open mouth shows them: a wide smile pulls the skin through them."""
    mesh = stage.mesh
    inner = np.isin(mesh.part[hit.triangle], (UPPER_TEETH, LOWER_TEETH, TONGUE))
    if not inner.any():
        return hit
    other = see(screen, np.ascontiguousarray(mesh.triangles[mesh.mouth]), stage.size)
    shown = np.full(hit.mask.shape, -1, np.int32)
    shown[other.mask] = np.arange(len(other.triangle))
    behind = shown[hit.mask][inner]
    chosen = mesh.mouth[other.triangle[np.maximum(behind, 0)]]
    stray = (behind >= 0) & (mesh.part[chosen] == SKIN) & (mesh.lips[mesh.triangles[chosen]].max(1) < 0.5)
    where = np.flatnonzero(inner)[stray]
    triangle, weight = hit.triangle.copy(), hit.weight.copy()
    triangle[where], weight[where] = chosen[stray], other.weight[behind[stray]]
    depth = hit.depth.copy()
    y, x = np.nonzero(hit.mask)
    depth[y[where], x[where]] = other.depth[y[where], x[where]]
    return Hit(hit.mask, triangle, weight, depth)


@dataclass(frozen=True, eq=False)
class Surface:
    """The naked surface at N pixels: skin, eyes and mouth."""

    mask: Mask
    at: Floats
    """(N, 3) places on the mean head."""
    normal: Floats
    """(N, 3) in camera axes."""
    part: NDArray[np.uint8]
    """(N,)"""
    lips: Floats
    sky: Floats
    scalp: Floats
    """(N,) each."""
    quick: Floats
    """(N, 3) the skin's colour as it is known at the vertices."""

    @classmethod
    def of(cls, stage: Stage, hit: Hit, normal: Floats) -> Surface:
        """What the pixels of a hit show."""
        mesh = stage.mesh
        packed = np.concatenate(
            [mesh.mean, normal, np.stack([mesh.lips, mesh.sky, stage.own.scalp], 1), stage.own.colour], 1
        ).astype(np.float32)
        values = hit.pick(mesh.triangles, packed)
        facing = values[:, 3:6]
        facing = facing / (np.linalg.norm(facing, axis=1, keepdims=True) + 1e-9)
        lips, sky, scalp = values[:, 6], values[:, 7], values[:, 8]
        return cls(hit.mask, values[:, :3], facing, mesh.part[hit.triangle], lips, sky, scalp, values[:, 9:])

    def shade(self, stage: Stage, reach: Floats, open_sky: Floats) -> Floats:
        """Linear light (N, 3) that comes from the pixels."""
        look, grain = stage.person.look, 1.0 if stage.fine else 0.0
        lips = np.clip(self.lips, 0, 1) * (self.part == SKIN)
        colour = skin_colour(look, self.at, lips, self.scalp, grain) if stage.fine else self.quick.copy()
        for part, rgb in TINTS.items():
            here = np.flatnonzero(self.part == part)
            colour[here] = np.exp(-2.6 * np.clip(self.at[here, 2] + 0.28, 0, 1))[:, None] * np.array(rgb, np.float32)
        normal = self.normal
        if grain:
            normal = bump(normal, self.mask, relief(look, self.at, lips, grain), stage.camera.scale)
        glass = np.zeros(len(colour), np.float32)
        cornea = normal.copy()
        normal = normal.copy()
        for part in (LEFT_EYE, RIGHT_EYE):
            on = np.flatnonzero(self.part == part)
            if len(on):
                local, ball = eyeball(stage, part, np.argwhere(self.mask)[on].astype(np.int32))
                tint, inside = eye_colour(look, local, np.full(len(on), float(part == LEFT_EYE), np.float32), grain)
                colour[on], normal[on] = tint, ball
                glass[on] = 1
                cornea[on] = bulge(ball, inside)
        if look.marble:
            colour, glass = marble(self.at), glass * 0
        shut = lid_shadow(self.mask, glass, stage.camera.scale)
        hidden = np.where(glass > 0, 0.85, 0.15 + 0.85 * np.clip(self.sky * 1.15, 0, 1)) * open_sky * shut
        wrap = light.SKIN_WRAP * (self.part == SKIN)[:, None]
        teeth = np.isin(self.part, (UPPER_TEETH, LOWER_TEETH))  # a blunt arch in the mesh: lit as if they stood upright
        normal[teeth] = 0.35 * normal[teeth] + np.array([0, 0, -0.7], np.float32)
        inside_mouth = np.isin(self.part, (MOUTH, UPPER_TEETH, LOWER_TEETH, TONGUE))
        hidden = np.where(inside_mouth, 0.8 * open_sky, hidden)  # lips are translucent and the lips' shadow map too coarse here
        fall = light.irradiance(stage.studio, normal, np.where(inside_mouth, 0.2 + 0.4 * reach, reach * shut), hidden, wrap)
        fall = fall * np.where(self.part == SKIN, 0.35 + 0.65 * np.clip(self.sky * 2.0, 0, 1), 1.0)[:, None]
        if stage.fine:
            dense = np.zeros((*self.mask.shape, 3), np.float32)
            dense[self.mask] = fall
            soft = np.zeros_like(self.mask)
            soft[self.mask] = self.part == SKIN
            spread = light.spread(dense, soft, stage.camera.scale)[self.mask]
            fall = np.where((self.part == SKIN)[:, None], spread, fall)
        if look.marble:  # stone lets all colours as deep
            fall = fall.mean(1, keepdims=True) * np.array([1.02, 1.0, 0.95], np.float32)
        shiny = np.where(self.part == SKIN, 0.75 + 1.3 * lips, 0.6) * (1 - 0.5 * smooth(0, 0.1, self.scalp)) * hidden
        soft_gleam = light.gleam(stage.studio, normal, reach, 0.36, 0.030)
        if stage.fine:
            soft_gleam = soft_gleam + 0.5 * light.gleam(stage.studio, normal, reach, 0.2, 0.028)
        total = colour * fall + soft_gleam * (shiny * (glass == 0))[:, None]
        sharp = light.windows(stage.studio, cornea)
        return np.asarray(total + sharp * (glass * (0.3 + 0.7 * shut))[:, None], np.float32)


def bump(normal: Floats, mask: Mask, height: Floats, scale: float) -> Floats:
    """Normals (N, 3) tilted by a relief (N,) in head units over the pixels of mask (Blinn 1978)."""
    dense = np.zeros(mask.shape, np.float32)
    dense[mask] = height * scale
    slope = np.stack([cv2.Sobel(dense, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(dense, cv2.CV_32F, 0, 1, scale=0.125)], 2)
    core = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    slope[~core] = 0
    tilted = normal.copy()
    tilted[:, :2] -= np.clip(slope[mask], -0.8, 0.8)
    return np.asarray(tilted / np.linalg.norm(tilted, axis=1, keepdims=True), np.float32)


def eyeball(stage: Stage, part: int, pixels: Ints) -> tuple[Floats, Floats]:
    """Directions (N, 3) in the eye's own axes and in camera axes of an eyeball's points under pixels (N, 2) (row, column)."""
    own = stage.own
    vertices = np.unique(stage.mesh.triangles[stage.mesh.part == part])
    rest, now = own.rest[vertices], stage.vertices[vertices]
    middle = now.mean(0)
    u, _, v = np.linalg.svd((now - middle).T @ (rest - rest.mean(0)))
    gaze = u @ np.diag([1, 1, np.linalg.det(u @ v)]) @ v
    radius = float(np.linalg.norm(rest - rest.mean(0), axis=1).mean()) * BALL_RADIUS / 0.168
    centre = stage.camera.project(stage.camera.stand(middle[None], rest.mean(0)[None]))[0]
    size = radius * stage.camera.scale * CAMERA / (CAMERA + centre[2] / stage.camera.scale)
    x, y = (pixels[:, 1] + 0.5 - centre[0]) / size, (pixels[:, 0] + 0.5 - centre[1]) / size
    far = np.hypot(x, y)
    x, y = (c / np.maximum(1, far / 0.995) for c in (x, y))
    ball = np.stack([x, y, -np.sqrt(np.clip(1 - x * x - y * y, 0, 1))], 1)
    local = ball @ (stage.camera.turn.as_matrix() @ gaze)
    return local.astype(np.float32), ball.astype(np.float32)


def bulge(ball: Floats, inside: Floats) -> Floats:
    """Normals of the cornea, which is rounder than the eyeball (7.8 mm against 12 mm): where eyes gleam."""
    bent = ball * np.stack([1 + 0.55 * inside, 1 + 0.55 * inside, np.ones_like(inside)], 1)
    return np.asarray(bent / np.linalg.norm(bent, axis=1, keepdims=True), np.float32)


def lid_shadow(mask: Mask, eye: Floats, scale: float) -> Floats:
    """The upper lid's shadow on the eye, (N,) from 0 to 1; 1 on all that is no eye."""
    dense = np.zeros(mask.shape, np.float32)
    dense[mask] = eye
    tall = max(2, int(0.075 * scale))
    above = cv2.filter2D(dense, -1, np.full((tall, 1), 1 / tall, np.float32), anchor=(0, tall - 1))
    around = cv2.blur(dense, (max(3, int(0.05 * scale)),) * 2)
    shade = (0.30 + 0.70 * above**0.8) * (0.55 + 0.45 * around)
    return np.asarray(np.where(eye > 0, shade[mask], 1), np.float32)


@dataclass(frozen=True, eq=False)
class Dress:
    """Cloth at the pixels of mask."""

    mask: Mask
    depth: Floats
    at: Floats
    normal: Floats
    edge: Floats
    sky: Floats

    def shade(self, stage: Stage, reach: Floats, open_sky: Floats) -> Floats:
        """Linear light (N, 3) that comes from the cloth."""
        colour, height = cloth(stage.person.shirt, self.at, self.edge, stage.person.collar == "polo")
        if stage.person.look.marble:
            colour = marble(self.at)
        normal = bump(self.normal, self.mask, height, stage.camera.scale) if stage.fine else self.normal
        hidden = np.clip(self.sky * 1.1, 0.2, 1) * open_sky
        fall = light.irradiance(stage.studio, normal, reach, hidden, np.full(3, 0.1, np.float32))
        fuzz = np.clip(1 + normal[:, 2:], 0, 1) ** 3 * 0.12
        hem = 1 - 0.35 * np.exp(-((self.edge / 0.010) ** 2))[:, None]
        return np.asarray((colour * fall + fuzz * fall * (0.3 + colour)) * hem, np.float32)


def neckline(kind: str, at: Floats) -> Floats:
    """How far inside the garment places (N, 3) on the mean head lie."""
    x, u = np.abs(at[:, 0]), at[:, 1] - 0.35 * (0.9 - at[:, 2])
    in_front = smooth(1.1, 0.5, at[:, 2])
    if kind == "polo":
        return np.asarray(u - 1.30, np.float32)
    if kind == "v":
        return np.asarray(u - 1.80 - 1.15 * np.maximum(0, 0.58 - x) * in_front, np.float32)
    if kind == "boat":
        return np.asarray(u - 2.02 - 0.10 * in_front + 0.10 * smooth(0.3, 1.3, x), np.float32)
    return np.asarray(u - 1.80 - 0.14 * in_front * smooth(0.7, 0.0, x), np.float32)


def dress(stage: Stage, behind: Floats) -> Dress:
    """The garment in front of the body, whose depth is `behind` (H, W)."""
    mesh, kind = stage.mesh, stage.person.collar
    edge = neckline(kind, mesh.mean)
    near = (edge[mesh.triangles].max(1) > -0.02) & (mesh.part == SKIN)
    triangles = np.ascontiguousarray(mesh.triangles[near])
    outwards = normals(stage.own.rest, mesh.triangles)
    gap = SHIRT_GAP + 0.075 * smooth(0.0, 0.5, edge)
    stood = stage.camera.stand(stage.vertices + outwards * gap[:, None], stage.own.rest)
    hit = see(stage.camera.project(stood), triangles, stage.size)
    packed = np.concatenate([mesh.mean, normals(stood, triangles), edge[:, None], mesh.sky[:, None]], 1).astype(np.float32)
    values = hit.pick(triangles, packed)
    worn = (values[:, 6] > 0) & (hit.depth[hit.mask] < behind[hit.mask] + 0.02 * stage.camera.scale)
    mask = hit.mask.copy()
    mask[hit.mask] = worn
    values = values[worn]
    facing = values[:, 3:6] / (np.linalg.norm(values[:, 3:6], axis=1, keepdims=True) + 1e-9)
    return Dress(mask, hit.depth, values[:, :3], facing.astype(np.float32), values[:, 6], values[:, 7])


def comb_all(stage: Stage) -> list[tuple[Floats, Ints, Floats]]:
    """All hairs as meshes with lit colours: vertices (V, 3) on the screen, triangles, linear colours (V, 3)."""
    person, own, camera = stage.person, stage.own, stage.camera
    look = person.look
    lamps = [(one.towards, one.colour) for one in stage.studio.lamps]
    ambient = np.asarray((stage.studio.above + stage.studio.below) / 2, np.float32)
    rng = np.random.default_rng(look.seed + 5)
    white, base = np.array([0.62, 0.60, 0.57]), linear(look.hair)
    sets: list[tuple[Strands, Floats, float, float]] = []
    if own.hair is not None:
        sets.append((own.hair, own.hair.points, person.grey, 1.0))
    for tied, grey, dark in ((own.beard, person.grey, 0.9), (own.brows, 0.6 * person.grey, 1.0)):
        if tied is not None and not (look.marble and tied is own.brows):
            sets.append((tied.on(stage.vertices), tied.on(own.rest).points, grey, dark))
    if not look.marble:
        sets.append((own.lashes.on(stage.vertices), own.lashes.on(own.rest).points, 0.0, 0.12))
    result = []
    for strands, rest, grey, dark in sets:
        stood = camera.stand(strands.points, rest)
        pigment = np.where((rng.random(len(rest)) < grey)[:, None], white, base) * dark
        colour = np.asarray(pigment[:, None] * strands.tint[..., None], np.float32)
        if look.marble:
            colour = np.array([0.62, 0.60, 0.57], np.float32) * np.clip(strands.tint[..., None], 0.35, 1.0)
        shown = shine(stood, lamps, ambient, colour, 0.5)
        wide = strands.width * camera.scale
        # Hairs too fine for the picture: fewer of them, as wide as a pixel.
        kept = int(np.clip(wide.mean() / FINEST, 0.3, 1) * len(wide))
        result.append(ribbons(camera.project(stood)[:kept], np.maximum(wide[:kept], FINEST), shown[:kept]))
    return result
