"""Scores a folder with PyTorch and pyarrow, Parquet to Parquet, and prints {"rows", "seconds"} as JSON.

    python3 benches/peers/score_torch.py FOLDER heavy|light OUTPUT --threads 2 [--device cpu] [--batch-size 8192]
"""

import argparse
import json
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from network import NETWORKS, WIDTH, inputs
from reader import Encoder, batches, prefetched


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("output")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-size", type=int, default=8192)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    encoder = Encoder(arguments.folder)
    table = torch.randn(encoder.rows, WIDTH, device=device) * 0.01
    network = NETWORKS[arguments.network]().to(device).eval()
    if device.type == "cuda":
        table, network = table.bfloat16(), network.bfloat16()
    schema = pa.schema([("user_id", pa.int64()), ("bought", pa.float32()), ("left", pa.float32())])
    rows = 0
    started = time.perf_counter()
    with torch.inference_mode(), pq.ParquetWriter(arguments.output, schema, compression="zstd") as writer:
        pending = []
        for ids, numeric, keys in prefetched(batches(arguments.folder, encoder, arguments.batch_size, labels=False)):
            numbers = torch.from_numpy(numeric).to(device, table.dtype)
            x = inputs(table, torch.from_numpy(ids).to(device), numbers)
            pending.append((keys, torch.sigmoid(network(x).float()).cpu().numpy()))
            rows += len(keys)
            if sum(len(keys) for keys, _ in pending) >= 65_536:
                write(writer, schema, pending)
        write(writer, schema, pending)
    print(json.dumps({"rows": rows, "seconds": time.perf_counter() - started}))


def write(writer: pq.ParquetWriter, schema: pa.Schema, pending: list) -> None:
    if pending:
        keys = np.concatenate([keys for keys, _ in pending])
        scores = np.concatenate([scores for _, scores in pending])
        writer.write_table(pa.table([keys, scores[:, 0].copy(), scores[:, 1].copy()], schema=schema))
        pending.clear()


if __name__ == "__main__":
    main()
