"""The manifests are valid, and fit the image and each other."""

from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import yaml

from ..copies import ROOT

FOLDER = ROOT / ".cloud/kubernetes"

KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))

MANIFESTS = [
    manifest
    for name in KUSTOMIZATION["resources"]
    for manifest in yaml.safe_load_all((FOLDER / name).read_text("utf-8"))
]


def pods() -> Iterator[dict[str, Any]]:
    """Yield the templates of pods."""
    for manifest in MANIFESTS:
        spec = manifest["spec"]
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            yield spec["template"]


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda one: one["kind"])
def test_manifest_is_valid(manifest: dict[str, Any]) -> None:
    latest = kubernetes_validate.latest_version()
    kubernetes_validate.validate(manifest, latest, strict=True)
    # The namespace is that of the kustomization.
    assert "namespace" not in manifest["metadata"]


def test_all_files_are_applied_with_one_image() -> None:
    assert sorted(KUSTOMIZATION["resources"]) == sorted(
        path.name for path in FOLDER.glob("*.yaml") if path.stem != "kustomization"
    )
    [image] = KUSTOMIZATION["images"]
    used = {c["image"] for pod in pods() for c in pod["spec"]["containers"]}
    assert used == {image["name"]}


def test_pods_have_no_privileges() -> None:
    for pod in pods():
        assert pod["spec"]["securityContext"]["runAsNonRoot"]
        assert pod["spec"]["automountServiceAccountToken"] is False
        for container in pod["spec"]["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]
            # The disk is read-only.
            mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
            assert "/tmp" in mounted


def test_selectors_find_the_pods_of_the_service() -> None:
    [labels] = [
        pod["metadata"]["labels"]
        for pod in pods()
        if pod["metadata"]["labels"]["app.kubernetes.io/component"] == "service"
    ]
    for manifest in MANIFESTS:
        spec = manifest["spec"]
        selectors = [spec.get("selector"), spec.get("podSelector")]
        for selector in filter(None, selectors):
            assert selector.get("matchLabels", selector) == labels


def test_no_secret_is_in_a_manifest() -> None:
    assert not [one for one in MANIFESTS if one["kind"] == "Secret"]
    for pod in pods():
        for container in pod["spec"]["containers"]:
            for variable in container.get("env", ()):
                assert ("valueFrom" in variable) == variable["name"].endswith("KEY")
