"""Install the import package that lives in code/; its metadata is in pyproject.toml."""

from setuptools import find_packages, setup

setup(package_dir={"": "code"}, packages=find_packages("code"))
