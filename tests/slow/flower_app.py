"""What `test_flower.py` runs where Flower is installed and invviz is not: `python flower_app.py PART`, in a folder with the written modules. Prints one line of JSON."""

import json
import sys
import time

import numpy as np
from bare_mod import mod as noisy  # gaussian_noise(sigma=0.5,relative=False)
from clip_mod import mod as clipped  # clipping(clip_norm=0.5)
from flwr.app import Array, ArrayRecord, Context, Message, Metadata, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp

ROUNDS, CLIENTS, ENTRIES = 2, 2, 5_000


def start():
    return ArrayRecord({"w": Array(np.ones((2, 2), "float32")), "steps": Array(np.array(3)), "b": Array(np.zeros(2))})


def trained(message):
    """One step of (0, 4), (3, 0): an update of norm 5, with names in another order than they came."""
    came = message.content["arrays"]
    w = came["w"].numpy() + np.array([[0, 4], [0, 0]], "float32")
    record = ArrayRecord({"b": Array(came["b"].numpy() + np.array([3.0, 0])), "w": Array(w), "steps": Array(np.array(9))})
    return RecordDict({"arrays": record, "metrics": MetricRecord({"num-examples": 8, "loss": 0.25})})


def in_process():
    """One message of each kind through a client app."""
    app = ClientApp(mods=[clipped])
    app.train()(lambda message, context: Message(trained(message), reply_to=message))
    app.evaluate()(lambda message, context: Message(trained(message), reply_to=message))
    found = {}
    for kind in ("train", "evaluate"):
        reply = app(*asked(kind, RecordDict({"arrays": start()})))
        sent = {name: array.numpy() for name, array in reply.content["arrays"].items()}
        found[kind] = {name: [str(leaf.dtype), leaf.tolist()] for name, leaf in sent.items()}
        found[f"{kind} metrics"] = dict(reply.content["metrics"])
    return found


def asked(kind, content):
    """A message as it comes from a server, and a context, made by hand."""
    about = Metadata(
        run_id=1, message_id="m", src_node_id=0, dst_node_id=1, reply_to_message_id="", group_id="", created_at=time.time(), ttl=60.0, message_type=kind
    )  # fmt: skip
    return Message(content, metadata=about), Context(1, 1, {}, RecordDict(), {})


def older():
    """A NumPyClient, whose records have other names on their way out than on their way in."""
    from flwr.client import NumPyClient
    from flwr.common import FitIns, ndarrays_to_parameters
    from flwr.compat.common.recorddict_compat import fitins_to_recorddict

    class Client(NumPyClient):
        def fit(self, parameters, config):
            return [parameters[0] + np.float32([3, 0]), parameters[1] + [0, 4, 0]], 8, {}

    app = ClientApp(client_fn=lambda context: Client().to_client(), mods=[clipped])
    given = fitins_to_recorddict(FitIns(ndarrays_to_parameters([np.zeros(2, "float32"), np.ones(3)]), {}), keep_input=True)
    (record,) = app(*asked("train", given)).content.array_records.values()
    return [[str(array.numpy().dtype), array.numpy().tolist()] for array in record.values()]


def simulation():
    """Clients that send back what they got: all that the server sees change is noise."""
    from flwr.serverapp.strategy import FedAvg
    from flwr.simulation import run_simulation

    app, server, seen = ClientApp(mods=[noisy]), ServerApp(), []

    @app.train()
    def train(message, context):
        return Message(RecordDict({"arrays": message.content["arrays"], "metrics": MetricRecord({"num-examples": 8})}), reply_to=message)

    class Watching(FedAvg):
        def configure_train(self, server_round, arrays, config, grid):
            self.sent = arrays["w"].numpy().copy()
            return super().configure_train(server_round, arrays, config, grid)

        def aggregate_train(self, server_round, replies):
            replies = list(replies)
            seen.extend(reply.content["arrays"]["w"].numpy() - self.sent for reply in replies if not reply.has_error())
            return super().aggregate_train(server_round, replies)

    @server.main()
    def main(grid, context):
        strategy = Watching(fraction_evaluate=0.0)
        strategy.start(grid=grid, initial_arrays=ArrayRecord({"w": Array(np.zeros(ENTRIES, "float32"))}), num_rounds=ROUNDS)

    run_simulation(server, app, num_supernodes=CLIENTS, backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 0.0}})
    apart = np.corrcoef(np.array(seen)) - np.eye(len(seen)) if seen else None
    return {
        "messages": len(seen),
        "std": [float(one.std()) for one in seen],
        "dtype": sorted({str(one.dtype) for one in seen}),
        "correlation": float(np.abs(apart).max()) if seen else None,
    }


if __name__ == "__main__":
    print("FOUND " + json.dumps({"in_process": in_process, "older": older, "simulation": simulation}[sys.argv[1]]()))
