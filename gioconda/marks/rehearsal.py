"""A tiny picture is signed before the work begins: whoever cannot sign is told then, and not after minutes of painting."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import TYPE_CHECKING

from gioconda.errors import IdentityError
from gioconda.marks import credentials

if TYPE_CHECKING:
    from gioconda.marks.identity import Signer


def rehearse(signer: Signer) -> None:
    """Sign one pixel and look whether that holds. The time-stamp server is not asked: it counts what it stamps.

    Raises:
        IdentityError: it does not.
    """
    import c2pa
    from PIL import Image

    source, target = io.BytesIO(), io.BytesIO()
    Image.new("L", (1, 1)).save(source, "PNG")
    told = json.dumps({"claim_generator_info": [{"name": "Gioconda"}], "format": "image/png", "assertions": [_CREATED]})
    try:
        with (
            c2pa.Builder.from_json(told, c2pa.Context.from_dict(credentials.settings())) as builder,
            credentials.native(dataclasses.replace(signer, stamps=None)) as by,
        ):
            source.seek(0)
            builder.sign(by, "image/png", source, target)
        target.seek(0)
        with c2pa.Reader("image/png", target, context=c2pa.Context.from_dict(credentials.settings(signer.chain.own))) as reader:
            found = credentials.told(json.loads(reader.json()))
    except c2pa.C2paError as error:
        raise _unfit(signer, " ".join(str(error).split()).rstrip(".")[:300]) from error
    if found.state != "whole" or not found.ours:
        raise _unfit(signer, ", ".join(found.problems))


_CREATED = {
    "label": "c2pa.actions.v2",
    "data": {
        "actions": [
            {"action": "c2pa.created", "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"}
        ]
    },
}


def _unfit(signer: Signer, why: str) -> IdentityError:
    return IdentityError(
        f"{signer.chain.name} cannot sign Content Credentials ({why}).",
        "C2PA wants a certificate for e-mail protection or document signing, with key identifiers and its chain, and its key.",
        "Put right what is named in brackets.",
    )
