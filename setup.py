"""Install the import packages that live in code/; metadata is in pyproject.toml."""

from setuptools import find_packages, setup

setup(package_dir={"": "code"}, packages=find_packages("code"))
