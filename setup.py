"""Install the import packages that live in code/; metadata is in pyproject.toml."""

import sys
from pathlib import Path

from setuptools import find_packages, setup

packages = find_packages("code")
folders = {"": "code"}
# A wheel is installed elsewhere, where there is no toolkit beside it.
toolkit = Path(__file__).parent / "toolkit" / "src"
if "bdist_wheel" in sys.argv and toolkit.is_dir():
    packages += find_packages(str(toolkit))
    folders["reproducible_ml"] = "toolkit/src/reproducible_ml"

setup(package_dir=folders, packages=packages)
