"""Trains one epoch with PyTorch and pyarrow, and prints {"rows", "seconds"} as JSON.

    python3 benches/peers/train_torch.py FOLDER heavy|light --threads 2 [--device cpu] [--limit ROWS]

The form that was fastest here: a merged table whose gathered rows are the autograd leaf, equal ids reduced with
`unique` and `index_add`, row-wise Adagrad on the touched rows, fused AdamW for the rest, reading on another thread.
"""

import argparse
import json
import time

import torch
from network import CATEGORICAL, NETWORKS, WIDTH
from reader import Encoder, batches, prefetched


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-size", type=int, default=4096)
    parser.add_argument("--limit", type=int, default=2**62)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(7)
    device = torch.device(arguments.device)
    encoder = Encoder(arguments.folder)
    table = torch.randn(encoder.rows, WIDTH, device=device) * 0.01
    state = torch.zeros(encoder.rows, device=device)
    network = NETWORKS[arguments.network]().to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    loss_of = torch.nn.BCEWithLogitsLoss()
    rows, started = 0, time.perf_counter()
    for ids, numeric, labels in prefetched(batches(arguments.folder, encoder, arguments.batch_size, labels=True)):
        ids = torch.from_numpy(ids).to(device, non_blocking=True).reshape(-1)
        gathered = table.index_select(0, ids).requires_grad_()
        x = torch.cat([torch.from_numpy(numeric).to(device), gathered.view(-1, CATEGORICAL * WIDTH)], 1)
        loss = loss_of(network(x), torch.from_numpy(labels).to(device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            touched, inverse = ids.unique(return_inverse=True)
            gradient = torch.zeros(len(touched), WIDTH, device=device).index_add_(0, inverse, gathered.grad)
            seen = state.index_select(0, touched) + gradient.square().mean(1)
            state.index_copy_(0, touched, seen)
            table.index_add_(0, touched, gradient * (-0.05 / (seen.sqrt() + 1e-8)).unsqueeze(1))
        rows += len(labels)
        if rows >= arguments.limit:
            break
    if device.type == "cuda":
        torch.cuda.synchronize()
    print(json.dumps({"rows": rows, "seconds": time.perf_counter() - started, "loss": loss.item()}))


if __name__ == "__main__":
    main()
