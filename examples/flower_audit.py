"""A Flower client that audits its own first update, and does not send it while somebody could be recognised in it.

    python examples/flower_audit.py                                       one round in this process, without a server
    python examples/flower_audit.py "clipping(clip_norm=0.1)&gaussian_noise(sigma=0.5,relative=False)"

Take from it `audit_first` and the lines that call it. It needs flwr (made for 1.42) and what `invviz.audit` needs, which is less than what the app needs. flwr's pins and the
app's exclude each other, so install invviz beside flwr without what it asks for (docs/flower.md).
A defense here has to be what the client really does: export it (`invviz export ... --to flower`) and put its mod into `ClientApp(mods=[mod])`.
"""

import sys
import time

import torch
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, Metadata, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from torch import nn

import invviz

DEFENSE = sys.argv[1] if len(sys.argv) > 1 and __name__ == "__main__" else ""
HIDDEN = 15.0  # dB of PSNR that the strongest attack may reach; what that looks like depends on your pictures, so look at some before you trust a limit
STEPS, LR = 3, 0.1
app = ClientApp()


def net():
    """The net that server and clients agreed on."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(8 * 8 * 8, 10))


def records():
    """Your own data; here two pictures of bars, 8 x 8."""
    pictures = torch.zeros(2, 1, 8, 8)
    pictures[0, 0, 2:4], pictures[1, 0, :, 5:7] = 1.0, 0.8
    return pictures, torch.tensor([3, 7])


def audit_first(module, pictures, labels):
    """Audit of the update that these records are about to make; writes report.html.

    Raises:
        RuntimeError: an attack reads a record better than HIDDEN, or none had an answer in its time, and so nothing is known. Flower then sends an error in place of the update.
    """
    found = invviz.audit(module, pictures, labels, protocol=f"hfl(local_steps={STEPS},lr={LR})", defense=DEFENSE, seconds=30)
    found.report("report.html")
    read = [one.attacked_psnr for one in found.records if one.attacked_psnr is not None]
    print(
        f"audit: strongest attack {found.strongest and found.strongest.attack}, records read at {[round(psnr, 1) for psnr in read]} dB; see report.html"
    )
    if not read:
        raise RuntimeError("No attack had an answer in its time: nothing is known, and nothing is sent.")
    if max(read) > HIDDEN:
        raise RuntimeError("The first update gives a record away; it is not sent.")  # no figure of the data in here: the server reads it


@app.train()
def train(message: Message, context: Context) -> Message:
    """Local training; before the first of all rounds, the audit."""
    module = net()
    module.load_state_dict(message.content["arrays"].to_torch_state_dict())
    pictures, labels = records()
    if "audited" not in context.state:  # the state stays on this client, and outlives a round
        audit_first(module, pictures, labels)
        context.state["audited"] = ConfigRecord({"done": True})
    for _ in range(STEPS):
        loss = nn.functional.cross_entropy(module(pictures), labels)
        module.zero_grad()
        loss.backward()
        with torch.no_grad():
            for p in module.parameters():
                p -= LR * p.grad
    arrays = ArrayRecord({name: Array(value.detach().numpy()) for name, value in module.state_dict().items()})
    return Message(RecordDict({"arrays": arrays, "metrics": MetricRecord({"num-examples": len(labels)})}), reply_to=message)


def one_round():
    """What a server would send, given to the app by hand."""
    arrays = ArrayRecord({name: Array(value.numpy()) for name, value in net().state_dict().items()})
    about = Metadata(
        run_id=1, message_id="m", src_node_id=0, dst_node_id=1, reply_to_message_id="", group_id="", created_at=time.time(), ttl=60.0, message_type="train"
    )  # fmt: skip
    return app(Message(RecordDict({"arrays": arrays}), metadata=about), Context(1, 1, {}, RecordDict(), {}))


if __name__ == "__main__":
    try:
        print("sent:", list(one_round().content["arrays"]))
    except RuntimeError as error:
        print("not sent:", error)
