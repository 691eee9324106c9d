import torch

from sinddm_toolkit.engine.optimizers import Adam, orthogonalised


def test_adam_is_torchs():
    weights = [torch.nn.Parameter(torch.randn(3, 4)) for _ in range(2)]
    copies = [torch.nn.Parameter(w.detach().clone()) for w in weights]
    ours, theirs = Adam(weights, 0.01), torch.optim.Adam(copies, lr=0.01)
    for _ in range(5):
        for weight, copy in zip(weights, copies, strict=True):
            weight.grad = torch.randn(3, 4)
            copy.grad = weight.grad.clone()
        ours.step(1.0)
        theirs.step()
    assert all(torch.allclose(*pair, atol=1e-6) for pair in zip(weights, copies, strict=True))


def test_orthogonalised_has_singular_values_near_one():
    matrices = torch.randn(3, 16, 100, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalised(matrices))
    assert values.min() > 0.5 and values.max() < 1.3
