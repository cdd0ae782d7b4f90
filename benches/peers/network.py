"""The benches' networks in PyTorch: one merged embedding table outside autograd, batched experts."""

import torch
from torch import nn

CATEGORICAL, NUMERIC, WIDTH = 26, 13, 16
INPUT = CATEGORICAL * WIDTH + NUMERIC


class Heavy(nn.Module):
    """MMoE: 4 experts of (256, 128), a gate and a linear tower a task. The experts' layers are one product each."""

    def __init__(self, experts: int = 4, hidden: int = 256, out: int = 128, tasks: int = 2) -> None:
        super().__init__()
        self.experts, self.hidden, self.tasks = experts, hidden, tasks
        self.first = nn.Linear(INPUT, experts * hidden)
        self.second = nn.Parameter(torch.randn(experts, hidden, out) * (2 / hidden) ** 0.5)
        self.second_bias = nn.Parameter(torch.zeros(experts, 1, out))
        self.gates = nn.Linear(INPUT, tasks * experts)
        self.towers = nn.ModuleList(nn.Linear(out, 1) for _ in range(tasks))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.first(x)).view(-1, self.experts, self.hidden).transpose(0, 1)
        outputs = torch.relu(torch.baddbmm(self.second_bias, hidden, self.second))
        gates = torch.softmax(self.gates(x).view(-1, self.tasks, self.experts), -1)
        mixed = torch.einsum("bte,ebo->tbo", gates, outputs)
        return torch.cat([tower(mixed[task]) for task, tower in enumerate(self.towers)], 1)


class Light(nn.Module):
    """Shared bottom 64-32, a linear tower a task."""

    def __init__(self, tasks: int = 2) -> None:
        super().__init__()
        self.bottom = nn.Sequential(nn.Linear(INPUT, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.towers = nn.Linear(32, tasks)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.towers(self.bottom(x))


NETWORKS = {"heavy": Heavy, "light": Light}


def inputs(table: torch.Tensor, ids: torch.Tensor, numeric: torch.Tensor) -> torch.Tensor:
    rows = table.index_select(0, ids.reshape(-1)).view(ids.shape[0], CATEGORICAL * WIDTH)
    return torch.cat([numeric, rows], 1)
