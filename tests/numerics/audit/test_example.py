"""The example that people copy runs, and its least noise keeps what it says."""

import importlib.util
from pathlib import Path

EXAMPLE = Path(__file__).parents[3] / "examples" / "audit_own_net.py"


def test_the_example_runs(tmp_path, capsys):
    spec = importlib.util.spec_from_file_location("audit_own_net", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    behind = module.main(tmp_path)
    assert (tmp_path / "audit.html").exists() and (tmp_path / "audit_behind_noise.html").exists()
    assert abs(max(row.ideal_psnr for row in behind.records) - 13.04) < 0.02 and "Most exposed" in capsys.readouterr().out
    assert len(EXAMPLE.read_text().splitlines()) < 60
