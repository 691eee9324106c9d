import torch


def loss(x0):
    """Dawn: warmer towards the bottom."""
    warmth = x0[:, 0] - x0[:, 2]  # red minus blue
    weight = torch.linspace(0, 1, x0.shape[-2], device=x0.device)[:, None]
    return -(weight * warmth).mean(dim=(1, 2))
