"""The lines of Python that a model card shows: they run as they are, in the exported folder."""

from model.pretrained import PROGRAM_FILE, ExportConfig


def snippet(config: ExportConfig) -> str:
    """The few lines that load the network and use it, run in the folder itself."""
    side, classes = config.image_size, config.num_classes
    lines = [
        "import torch",
        "",
        "from model.pretrained import load  # a package of maskgrid",
        "",
        'trained = load(".")',
        "# Or paths of image files, or images that Pillow has opened, of any sizes.",
        "pictures = torch.randint(0, 256, (2, 3, 90, 121), dtype=torch.uint8)",
    ]
    if config.task == "restore":
        lines += [
            f"images = trained.preprocess(pictures)  # (2, 3, {side}, {side}) in [0, 1]",
            "masked, shown = trained.masked(images)  # as in training",
            f"outputs = trained.outputs(masked)  # restored images, (2, 3, {side}, {side})",
        ]
    else:
        lines.append(f"outputs = trained.predict(pictures)  # logits, (2, {classes})")
    if config.class_names:
        lines.append("names = [trained.config.class_names[i] for i in outputs.argmax(dim=1)]")
    return "\n".join(lines) + "\n"


def torch_snippet(config: ExportConfig) -> str:
    """The lines that do so without a package of ours, run in the folder itself."""
    side = config.image_size
    what = "logits" if config.task == "classify" else "the image restored; hide what it is to guess"
    return f"""import numpy
import torch
from PIL import Image

network = torch.export.load("{PROGRAM_FILE}").module()


def preprocess(picture):
    short = min(picture.size)
    left, top = (picture.width - short) // 2, (picture.height - short) // 2
    square = picture.convert("RGB").crop((left, top, left + short, top + short))
    square = square.resize(({side}, {side}), Image.Resampling.BICUBIC)
    return torch.from_numpy(numpy.array(square)).permute(2, 0, 1)[None] / 255


picture = Image.effect_noise((90, 121), 64)  # Image.open("picture.jpg")
with torch.inference_mode():
    output = network(preprocess(picture))  # {what}
"""
