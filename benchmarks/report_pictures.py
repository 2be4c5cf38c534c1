"""The pictures of a report in `docs/pictures`: on a desktop, on a phone, in print. Needs Chromium and pdftoppm.

python benchmarks/report_pictures.py
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import budgetgym
from PIL import Image

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
AGENTS = ["lin", "mcpc", "ss_mdp", "dmd", "pid", "rlb"]


def main() -> None:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None or shutil.which("pdftoppm") is None:
        sys.exit("report_pictures: needs chromium and pdftoppm (Debian: apt install chromium poppler-utils)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        budgetgym.compare("budgetgym/RealTimeBidding-v0", AGENTS, 300, budgets="c0=1/32,1/8,1/2", out=folder)
        page = (folder / "report.html").as_uri()
        for picture, width, height in (("report_desktop", 1100, 2300), ("report_phone", 400, 2300)):
            shot = f"--screenshot={folder / picture}.png"
            browse(browser, page, f"--window-size={width},{height}", "--hide-scrollbars", shot)
        browse(browser, page, "--no-pdf-header-footer", f"--print-to-pdf={folder / 'report.pdf'}")
        options = ["-png", "-r", "90", "-singlefile"]  # the first page
        subprocess.run(["pdftoppm", *options, folder / "report.pdf", folder / "report_print"], check=True)
        for picture in ("report_desktop", "report_phone", "report_print"):
            small = (
                Image.open(folder / f"{picture}.png")
                .convert("RGB")
                .quantize(64, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
            )
            PICTURES.mkdir(exist_ok=True)
            small.save(PICTURES / f"{picture}.png", optimize=True)
            print(PICTURES / f"{picture}.png", f"{(PICTURES / f'{picture}.png').stat().st_size / 1000:.0f} kB")


def browse(browser: str, page: str, *flags: str) -> None:
    subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", *flags, page], check=True, capture_output=True)


if __name__ == "__main__":
    main()
