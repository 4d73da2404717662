"""The encoders imgfind recommends: plain data, and the lookup by any spelling of their names. Safe on every thread."""

from dataclasses import dataclass
from pathlib import Path

STARTER = "starter"


@dataclass(frozen=True, slots=True)
class Preset:
    """An encoder imgfind recommends. ``hub`` is its Hugging Face repository, ``size_mb`` that of its weights there.

    ``revision`` (a commit) and ``sha256`` (of the weights, hex) pin what is downloaded; where they are None the newest
    revision is taken, and checked against what the hub itself announces. ``runnable`` is false while imgfind lacks
    something the model needs.
    """

    title: str
    name: str
    hub: str
    size_mb: int
    licence: str
    quality: str
    speed: str
    revision: str | None = None
    sha256: str | None = None
    runnable: bool = True


# ImageNet figures: open_clip, docs/openclip_results.csv (zero-shot top-1). Sizes: parameters x 4 bytes. Repositories:
# open_clip/pretrained.py.
PRESETS = (
    Preset(
        title=STARTER,
        name=STARTER,
        hub="",
        size_mb=15,
        licence="MIT",
        quality="a first look without a download: scenes, clothes, flowers, common animals and vehicles",
        speed="fastest",
    ),
    Preset(
        title="standard",
        name="ViT-B-32-256/datacomp_s34b_b86k",
        hub="laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
        size_mb=605,
        licence="MIT",
        quality="good; ImageNet zero-shot 72.8 % (published)",
        speed="fast",
        # The commit, the checksum and the size of 605,189,364 bytes as two independent projects record them: the
        # release notes of RawCull and, for the commit, the notices of VisionGrep (both on GitHub).
        revision="4afec35ffe57a943d569ff7ee888061830164da8",
        sha256="92c26d60d3200ed5ed040dff31a8d19f8140648da8007216c25744c478deef27",
    ),
    Preset(
        title="best",
        name="ViT-L-14/datacomp_xl_s13b_b90k",
        hub="laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K",
        size_mb=1710,
        licence="MIT",
        quality="very good; ImageNet zero-shot 79.2 % (published)",
        speed="slow without a graphics card",
    ),
    Preset(
        title="multilingual",
        name="ViT-B-32-SigLIP2-256/webli",
        hub="timm/ViT-B-32-SigLIP2-256",
        size_mb=1507,
        licence="Apache-2.0",
        quality="understands many languages; imgfind cannot run its tokenizer yet",
        speed="fast",
        runnable=False,
    ),
)


def plain_name(name: str) -> str:
    """Return ``name/tag`` for ``name:tag``, as rclip and open_clip's command lines write it."""
    return name if Path(name).is_absolute() else name.replace(":", "/")  # a drive letter ("C:\models") is not a name


def find_preset(name: str) -> Preset | None:
    """Return the preset of this title or name, in any case, if there is one."""
    wanted = plain_name(name).casefold()
    return next((preset for preset in PRESETS if wanted in (preset.title, preset.name.casefold())), None)
