"""The command line as people use it: exit codes, what goes to stdout and stderr, JSON that every reader takes."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from invviz import __version__
from invviz.attacks import ATTACKS
from invviz.cli import compute, main
from invviz.cli._preview import preview
from invviz.cli._show import ProgressLine, to_json
from invviz.datasets import DATASETS
from invviz.engine.results import Event
from invviz.jobs.store import Store
from invviz.metrics import WORDS
from invviz.scenario import Scenario

ROOT = Path(__file__).parents[2]
QUICK = "data=digits&model=mlp&attack=linear_layer"
NOISY = QUICK + "&defense=gaussian_noise(sigma=0.1)"


def invviz(*args: str, **env: str) -> subprocess.CompletedProcess:
    kept = {k: v for k, v in os.environ.items() if k not in ("INVVIZ_DATA", "INVVIZ_STORE")}
    return subprocess.run(
        [sys.executable, "-m", "invviz", *args], capture_output=True, text=True, cwd=ROOT, env={**kept, **env}, timeout=120
    )


def strict(text: str):
    """JSON as other languages read it: no NaN, no Infinity."""

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_list_names_every_component_with_its_knobs(capsys):
    done = invviz("list", "--json")
    assert done.returncode == 0
    found = strict(done.stdout)
    assert list(found) == [
        "datasets",
        "models",
        "protocols",
        "defenses",
        "attacks",
        "trainings",
        "servers",
        "aggregations",
        "detectors",
        "metrics",
    ]
    assert [part["name"] for part in found["datasets"]] == list(DATASETS)
    sigma = next(
        knob for part in found["defenses"] if part["name"] == "gaussian_noise" for knob in part["knobs"] if knob["name"] == "sigma"
    )
    assert (sigma["default"], sigma["low"], sigma["high"]) == (0.01, 0.0, 1000.0)
    assert sigma["help"]
    assert main(["list", "attacks"]) == 0
    words = capsys.readouterr().out
    assert all(name in words for name in ATTACKS)
    assert "gaussian_noise" not in words


def test_list_and_check_do_not_import_torch():
    code = f"""
import sys
from invviz.cli import main
assert main(["list"]) == 0
assert main(["check", {NOISY!r}]) == 0
assert main(["check", "seed=-1"]) == 2
print(sorted({{"torch", "streamlit", "skimage"}} & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr.splitlines()[-1] == "[]"


def test_check_prints_full_form_and_key(capfd):
    assert main(["check", "?data=digits&model=mlp&attack=linear_layer&defense=gaussian_noise%28sigma%3D0.1%29"]) == 0
    out, err = capfd.readouterr()
    scenario = Scenario.parse(NOISY)
    *told, price = out.splitlines()
    assert told == [scenario.text(full=True), f"key: {scenario.key('run')}"] and price.startswith("price: about ")
    assert err == ""


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("data=digitz", r"unknown dataset 'digitz'; Did you mean digits\? known: photos, digits"),
        ("attack=magic", "unknown attack 'magic'; .*linear_layer"),
        ("defense=gaussian_noise(sgima=1)", "unknown knob 'sgima' of gaussian_noise;.*sigma"),
        ("defense=gaussian_noise(sigma=-1)", "gaussian_noise: sigma=-1 is out of range; allowed: 0 to 1,?000"),
        ("seed=-4", "seed=-4 is out of range; allowed: 0 to"),
        ("colour=red", "unknown part 'colour'; known: data, model"),
        ("data=digits&model=lenet&attack=linear_layer", "Use model=mlp"),
        ("data=digits&model=mlp&attack=linear_layer&batch=2", "at most 1 sample"),
    ],
)
@pytest.mark.parametrize("verb", ["check", "run", "risk"])
def test_what_does_not_fit_is_refused_in_words(verb, scenario, words, capsys):
    if verb == "risk" and "linear_layer" in scenario:
        pytest.skip("the risk does not depend on the attack")
    assert main([verb, scenario]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(words, err), err
    assert "Traceback" not in err


def test_check_says_why_there_is_no_risk_score(capsys):
    assert main(["check", "data=photos(size=64)&model=mlp&attack=linear_layer&method=exact"]) == 0
    assert "note: no risk score: The exact spectrum serves" in capsys.readouterr().out


def test_run_writes_json_files_and_nothing_else_to_stdout(tmp_path, capfd):
    assert main(["run", NOISY, "--json", "--out", str(tmp_path / "out"), "--set", f"store={tmp_path}", "--set", "device=cpu"]) == 0
    found = strict(capfd.readouterr().out)
    scenario = Scenario.parse(NOISY)
    assert (found["scenario"], found["key"]) == (scenario.text(full=True), scenario.key("run"))
    assert (found["device"], found["version"]) == ("cpu", __version__)
    assert 5 < found["scores"]["psnr"][0] < 60
    assert found["risk"]["psnr_ceiling"] > 0
    with np.load(tmp_path / "out" / "reconstruction.npz") as arrays:
        public = scenario.data.load(None).public
        mean = public.take(range(len(public)))[0].mean(0)
        unseen = -10 * np.log10(((arrays["truth"][0] - mean) ** 2).mean())
        grey = -10 * np.log10(arrays["truth"][0].var())
    assert found["baseline"]["psnr"] == [pytest.approx(max(unseen, grey), abs=0.01)] and found["word"] in WORDS
    assert isinstance(found["ideal_psnr"][0], float) and isinstance(found["above_ideal"], list) and "dB" in found["gap"]
    assert isinstance(found["above_expected"], str)
    assert found["risk_note"] == ""
    with np.load(tmp_path / "out" / "reconstruction.npz") as arrays:
        mse = ((arrays["truth"] - arrays["guess"]) ** 2).mean()
    assert found["scores"]["mse"][0] == pytest.approx(mse, rel=1e-4)
    assert strict((tmp_path / "out" / "result.json").read_text()) == found
    with Image.open(tmp_path / "out" / "preview.png") as picture:
        assert picture.size == (3 * 128 + 2 * 4, 128)


def test_risk_prints_its_fields(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("INVVIZ_STORE", str(tmp_path))
    assert main(["risk", NOISY, "--json", "--values", "5"]) == 0
    found = strict(capsys.readouterr().out)
    documented = "scenario n p singular_values method sigma prior invloss invloss_bound k_star invre psnr_ceiling seconds"
    assert set(documented.split()) <= set(found)
    values = found["singular_values"]
    assert len(values) == 5
    assert values == sorted(values, reverse=True)
    assert (found["n"], found["method"], found["prior"]) == (64, "exact", "white")
    rms = (found["noise_variance"] ** 0.5) / 0.1
    assert found["sigma"] == pytest.approx(rms * (0.1**2 + 0.01**2) ** 0.5), "the defense's noise and the floor add in squares"


FIELDS = (
    "scenario key n clients p singular_values singular_values_of resolved method products sigma floor noise_variance prior invloss invloss_is invloss_interval invloss_bound "
    "invloss_bound_here invloss_lower invloss_lower_counts invloss_lower_reason invloss_samples k_star invre invre_interval psnr_ceiling psnr_solved bound bound_reasons word "
    "psnr_interval psnr_spread trust caveats seconds why"
)


@pytest.mark.parametrize("method", ["sketch", "exact"])
def test_risk_by_either_method_prints_every_documented_field(method, capsys, tmp_path):
    text = "data=digits&model=mlp(width=30)&defense=gaussian_noise(sigma=0.1)"
    assert main(["risk", text, "--json", "--method", method, "--set", f"store={tmp_path}"]) == 0
    found = strict(capsys.readouterr().out)
    assert set(found) == set(FIELDS.split())
    assert found["clients"] == 1, "nobody sums"
    assert found["method"] == method and "as the scenario says" in found["why"]
    assert Scenario.parse(found["scenario"]).method == method and found["key"] == Scenario.parse(text).replace(method=method).key("risk")
    for name, interval in (("invloss", "invloss_interval"), ("invre", "invre_interval"), ("psnr_ceiling", "psnr_interval")):
        low, high = found[interval]
        assert low <= found[name] <= high and (low < high) is (method == "sketch")
    assert found["invloss"] <= found["invloss_bound"] <= 2 * found["invloss"]
    assert (found["invloss_samples"] is None) is (method == "sketch")
    mean = (
        found["trust"]["relative_sq"] + 2 * found["trust"]["relative_error"]
    )  # over the prior, not at this picture: the bound may lie above InvLoss, which is of this picture
    assert found["invloss_lower"] == pytest.approx(64**2 / (mean * (1 / 0.1**2 + 2) + 64 * 16)), "noise that is a share of the message"
    assert found["invloss_lower_reason"] == "" and "Gaussian noise" in found["invloss_lower_counts"]
    assert found["bound"] is False and {"relative noise", "white prior", "curvature"} <= set(found["bound_reasons"])
    assert found["trust"]["bend"] > 0 and len(found["trust"]["steps"]) == len(found["trust"]["random"])


def test_risk_in_words_by_a_sketch(capsys, tmp_path):
    assert main(["risk", "data=digits&model=mlp(width=30)", "--method", "sketch", "--set", f"store={tmp_path}"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"InvRE \d\.\d\d \(95 %: \d\.\d{3} to \d\.\d{3}\)", out)
    assert re.search(r"expected best \d+\.\d dB \(\d+\.\d to \d+\.\d\)", out)
    assert re.search(r"at least [\d,]+ of 64 directions", out) and "sketch (as the scenario says): " in out


def test_an_exact_spectrum_of_too_many_inputs_is_refused(capsys):
    for asked in (["data=photos(size=64)", "--method", "exact"], ["data=photos(size=64)&method=exact"]):
        assert main(["risk", *asked]) == 2
        out, err = capsys.readouterr()
        assert out == "" and "method=sketch" in err and "12,288" in err and "Traceback" not in err


def test_an_unknown_layer_is_refused_with_those_that_exist(capsys, tmp_path):
    assert main(["risk", "data=digits&model=mlp(width=3)&layer=nowhere", "--set", f"store={tmp_path}"]) == 2
    err = capsys.readouterr().err
    assert "nowhere" in err and re.search(r"it has \d", err)


def test_run_in_words(capsys, tmp_path):
    assert main(["run", QUICK, "--set", f"store={tmp_path}"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"psnr +\d+\.\d dB", out)
    assert "the attacker was given: message, net" in out
    assert re.search(r"InvRE \d\.\d\d: an ideal attacker recovers \d+ %", out)
    assert main(["run", QUICK, "--no-risk", "--set", f"store={tmp_path}"]) == 0
    assert "no risk score: left out (--no-risk)" in capsys.readouterr().out


def test_an_attack_that_failed_in_its_own_eyes_is_a_result_and_is_said(capsys, monkeypatch, tmp_path):
    real = compute.run
    monkeypatch.setattr(compute, "run", lambda *args: dataclasses.replace(real(*args), failed=True, note="It diverged."))
    assert main(["run", QUICK, "--json", "--no-risk", "--set", f"store={tmp_path}"]) == 0
    out, err = capsys.readouterr()
    assert strict(out)["failed"] is True
    assert (strict(out)["risk"], strict(out)["risk_note"]) == (None, "left out (--no-risk)")
    assert "The attack failed: It diverged." in err


def test_errors_are_one_message_unless_a_traceback_is_asked_for(capsys, monkeypatch, tmp_path):
    def broken(*args):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(compute, "run", broken)
    assert main(["run", QUICK]) == 1
    assert capsys.readouterr().err == "ZeroDivisionError: division by zero (--traceback shows where)\n"
    assert main(["run", QUICK, "--traceback"]) == 1
    assert "in broken" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main(["run", QUICK, "--out", str(tmp_path / "file")]) == 1
    assert "is a file, not a folder" in capsys.readouterr().err


def test_ctrl_c_is_no_traceback(capsys, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(compute, "run", interrupted)
    assert main(["run", QUICK]) == 130
    assert capsys.readouterr().err == "stopped.\n"


@pytest.mark.parametrize(
    ("setting", "code", "words"),
    [
        ("colour=red", 2, r"known are data_dir=\.\.\., store=\.\.\., device="),
        ("device=tpu", 2, "known are auto, cpu, cuda"),
        ("device", 2, "known are"),
    ],
)
def test_settings_are_checked(setting, code, words, capsys):
    assert main(["run", QUICK, "--set", setting]) == code
    assert re.search(words, capsys.readouterr().err)


def test_a_gpu_that_is_not_there(capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main(["run", QUICK, "--set", "device=cuda"]) == 1
    assert "finds no GPU" in capsys.readouterr().err


def test_data_says_what_is_here(capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("INVVIZ_DATA", raising=False)
    assert main(["data"]) == 0
    out = capsys.readouterr().out
    assert "digits: comes with the installed packages" in out
    assert "cifar10: not here" in out
    assert main(["data", "check", "digits"]) == 0
    assert "victims" in capsys.readouterr().out
    assert main(["data", "check", "cifar10", "--set", f"data_dir={tmp_path}"]) == 1
    assert str(tmp_path) in capsys.readouterr().err
    assert main(["data", "--set", f"data_dir={tmp_path}", "check", "cifar10"]) == 1, "the option may stand on either side"
    assert str(tmp_path) in capsys.readouterr().err
    assert main(["data", "download", "cifar10"]) == 2
    assert "Name the folder" in capsys.readouterr().err
    assert main(["data", "download", "imagenet", "--set", f"data_dir={tmp_path}"]) == 1
    with pytest.raises(SystemExit) as refused:
        main(["data", "check", "nothing"])
    assert refused.value.code == 2
    assert "digits" in capsys.readouterr().err


def test_data_download_shows_progress_and_then_what_is_there(capsys, monkeypatch, tmp_path):
    def download(name, folder, progress):
        assert (name, folder) == ("cifar10", tmp_path)
        progress(5_000_000, 10_000_000)

    monkeypatch.setattr("invviz.cli.data.download", download)
    monkeypatch.setattr("invviz.cli.data.check", lambda name, folder: [f"{name}: whole", "6 pictures"])
    monkeypatch.setattr("invviz.cli._show.LINE_EVERY", 0)
    assert main(["data", "download", "cifar10", "--set", f"data_dir={tmp_path}"]) == 0
    out, err = capsys.readouterr()
    assert out == "cifar10: whole\n  6 pictures\n"
    assert err == "cifar10: 5.0 MB of 10.0 MB\n"


def test_work_once_computes_what_waits(tmp_path, capsys):
    store = Store(tmp_path / "store")
    key = store.submit("run", Scenario.parse(QUICK), "me")
    risk = store.submit("risk", Scenario.parse(QUICK), "me")
    assert main(["work", "--store", str(store.path), "--once", "--kinds", "run"]) == 0
    assert capsys.readouterr().out == ""
    assert store.job(key).state == "done"
    assert store.job(risk).state == "queued"


def test_work_with_unknown_kinds_or_a_bad_store(tmp_path, capsys):
    assert main(["work", "--kinds", "walk"]) == 2
    assert "known: run, risk" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main(["work", "--once", "--store", str(tmp_path / "file")]) == 1
    err = capsys.readouterr().err
    assert "INVVIZ_STORE" in err
    assert "Traceback" not in err


def test_a_reader_that_has_seen_enough_is_no_error():
    process = subprocess.Popen(
        [sys.executable, "-m", "invviz", "list", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True
    )
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(10) == 1


def test_json_has_no_infinities():
    text = to_json({"psnr": [float("inf"), -float("inf"), float("nan"), 1.5], "deep": {"x": (float("inf"),)}, "words": "inf", "none": None})
    assert strict(text) == {"psnr": ["inf", "-inf", None, 1.5], "deep": {"x": ["inf"]}, "words": "inf", "none": None}


def test_help_documents_infinity_and_exit_codes(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    assert '"inf"' in out
    assert "2 the scenario does not fit" in out


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_one_line_on_a_terminal_and_plain_lines_elsewhere(monkeypatch):
    monkeypatch.setattr("invviz.cli._show.REDRAW_EVERY", 0)
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    with ProgressLine() as line:
        assert line.report(Event("attack", 30, 100, 2.0, 0.5, 12.34))
        line.report(Event("attack", 60, 100, 4.0))
    text = terminal.getvalue()
    assert "\n" not in text
    assert "\r[######              ] attack 30/100, loss 0.5, PSNR 12.3 dB, 2 s" in text
    assert "\r[############        ] attack 60/100, 4 s" in text
    assert text.endswith("\r"), "the line is taken away in the end"

    monkeypatch.setattr("sys.stderr", file := io.StringIO())
    with ProgressLine() as line:
        line.report(Event("attack", 30, 100, 2.0))
        assert file.getvalue() == "", "what is over quickly needs no lines"
        monkeypatch.setattr("invviz.cli._show.LINE_EVERY", 0)
        line.report(Event("attack", 60, 100, 4.0))
    assert file.getvalue() == "attack 60/100, 4 s\n"


def test_the_preview_puts_pictures_side_by_side():
    truth, guess = np.zeros((2, 1, 8, 8)), np.ones((2, 1, 8, 8)) * 0.5
    truth[1, 0, 0, 0] = 1
    picture = np.asarray(preview([truth, None, guess]))
    assert picture.shape == (128 + 4 + 128, 128 + 4 + 128, 3)
    assert np.all(picture[132:148, :16] == 255), "nearest neighbour: the white pixel is a square"
    assert np.all(picture[148:, :128] == 0)
    assert np.all(picture[:128, 132:] == 128)
    assert np.all(picture[128:132] == 255)


def test_epsilon_says_for_which_rate_and_steps(capsys):
    pytest.importorskip("opacus")
    assert main(["epsilon", "dp_sgd(noise_multiplier=100,sample_rate=0.01,steps=1,delta=0.1)"]) == 0
    assert "epsilon = 0 at delta = 0.1, over 1 step at sample rate 0.01" in capsys.readouterr().out
    scenario = "data=digits&model=mlp&defense=dp_sgd&train=federated(clients=20,rounds=50)"
    assert main(["epsilon", scenario, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)[scenario]
    assert (found["steps"], found["sample_rate"]) == (50, 1 / 64) and found["epsilon"] == pytest.approx(1.397, abs=1e-3)
    assert main(["epsilon", "dp_sgd"]) == 1
    assert "or a whole scenario" in capsys.readouterr().err
    assert main(["epsilon", "data=digits&model=mlp"]) == 2
    assert "no dp_sgd in it" in capsys.readouterr().err


def test_train_and_run_say_what_the_training_spends(capsys, tmp_path):
    pytest.importorskip("opacus")
    text = "data=digits&model=mlp(width=8)&defense=dp_sgd&attack=linear_layer&train=federated(clients=20,rounds=4)"
    for verb in (["train"], ["run", "--no-risk"]):
        assert main([*verb, text, "--set", f"store={tmp_path}"]) == 0
        assert "dp_sgd: epsilon = " in (said := capsys.readouterr().out) and "over 4 steps at sample rate 0.0156" in said
    assert main(["run", "--no-risk", text.replace("rounds=4", "rounds=4,samples=10"), "--json", "--set", f"store={tmp_path}"]) == 0
    privacy = json.loads(capsys.readouterr().out)["privacy"]
    assert privacy["epsilon"] is None and "10 training pictures here for 20 clients" in privacy["words"], (
        "the attack's result is printed all the same"
    )
