"""A study of two trials, a pretraining and its finetuning, of seconds each."""

from typing import Any

_TRAIN = {
    "epochs": 2,
    "batch_size": 6,
    # The attention's key bias changes nothing, so its gradient is rounding alone, which Adam's usual
    # eps would turn into steps of full size: then no two worker counts could be compared.
    "optim": {"lr": 0.01, "eps": 1.0e-3},
    "schedule": {"warmup_epochs": 1, "decay_epochs": 1},
}
TINY: dict[str, Any] = {
    "name": "tiny",
    "data": {
        "source": "synthetic",
        "image_size": 16,
        "num_classes": 2,
        "train_per_class": 6,
        "val_per_class": 3,
    },
    "model": {
        "channels": [4, 8],
        "features": 8,
        "embed": 8,
        "heads": 2,
        "blocks": 1,
        "ffn": 16,
        "init": "he",
    },
    "pretrain": _TRAIN,
    "finetune": _TRAIN,
    "space": {"patch_size": {"grid": [4]}, "mask_ratio": {"grid": [0.5]}},
    "baseline": False,
}
