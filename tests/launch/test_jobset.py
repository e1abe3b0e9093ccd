"""launch/kubernetes/jobset.yaml against the parts of the APIs that it uses.

The field names and types are those of JobSet's reference (jobset.x-k8s.io/v1alpha2) and of
Kubernetes' for batch/v1 Job and core/v1 Pod; a cluster refuses a name that they do not have.
"""

from typing import Any

import pytest
import yaml

from playmate_jax.parallel.cluster import PORT, job_of
from tests.jobs import ROOT

# A mapping: its fields, "!" marks one that must be there; [x]: a list of x; a set: one of these.
JOBSET: Any = {
    "apiVersion!": {"jobset.x-k8s.io/v1alpha2"},
    "kind!": {"JobSet"},
    "metadata!": {"name!": str, "namespace": str, "labels": dict, "annotations": dict},
    "spec!": {
        "coordinator": {"replicatedJob!": str, "jobIndex": int, "podIndex": int},
        "network": {
            "enableDNSHostnames": bool, "publishNotReadyAddresses": bool, "subdomain": str,
        },
        "failurePolicy": {
            "maxRestarts": int,
            "restartStrategy": {"Recreate", "BlockingRecreate"},
            "rules": [{
                "name": str,
                "action!": {"FailJobSet", "RestartJobSet", "RestartJobSetAndIgnoreMaxRestarts"},
                "onJobFailureReasons": [{
                    "BackoffLimitExceeded", "DeadlineExceeded", "FailedIndexes",
                    "MaxFailedIndexesExceeded", "PodFailurePolicy",
                }],
                "targetReplicatedJobs": [str],
            }],
        },
        "replicatedJobs!": [{
            "name!": str,
            "replicas": int,
            "template!": {"spec!": {
                "completionMode": {"Indexed", "NonIndexed"},
                "parallelism": int, "completions": int, "backoffLimit": int,
                "podFailurePolicy": {"rules!": [{
                    "action!": {"FailJob", "FailIndex", "Ignore", "Count"},
                    "onExitCodes": {
                        "containerName": str, "operator!": {"In", "NotIn"}, "values!": [int],
                    },
                }]},
                "template!": {"spec!": {
                    "restartPolicy": {"Never", "OnFailure"},
                    "terminationGracePeriodSeconds": int,
                    "containers!": [{
                        "name!": str, "image!": str, "command": [str], "args": [str],
                        "env": [{
                            "name!": str, "value": str,
                            "valueFrom": {"fieldRef": {"fieldPath!": str}},
                        }],
                        "ports": [{"containerPort!": int}],
                        "resources": {"limits": dict, "requests": dict},
                        "volumeMounts": [{"name!": str, "mountPath!": str}],
                    }],
                    "volumes": [{
                        "name!": str,
                        "persistentVolumeClaim": {"claimName!": str},
                        "emptyDir": {"medium": {"", "Memory"}, "sizeLimit": str},
                    }],
                }},
            }},
        }],
    },
}  # fmt: skip


def problems(value: Any, schema: Any, place: str = "") -> list[str]:
    """Where a value is not what the schema says."""
    if isinstance(schema, list):
        if not isinstance(value, list):
            return [f"{place}: expected a list, found {value!r}"]
        parts = (problems(x, schema[0], f"{place}[{i}]") for i, x in enumerate(value))
    elif isinstance(schema, set):
        return [] if value in schema else [f"{place}: expected one of {schema}, found {value!r}"]
    elif isinstance(schema, type):
        return [] if type(value) is schema else [f"{place}: expected {schema}, found {value!r}"]
    elif not isinstance(value, dict):
        return [f"{place}: expected a mapping, found {value!r}"]
    else:
        fields = {name.rstrip("!"): inner for name, inner in schema.items()}
        missing = [name for name in schema if name.endswith("!") and name.rstrip("!") not in value]
        unknown = [f"{place}.{name}: no such field" for name in value if name not in fields]
        parts = (problems(x, fields[k], f"{place}.{k}") for k, x in value.items() if k in fields)
        return [*(f"{place}.{x}: missing" for x in missing), *unknown, *sum(parts, [])]
    return sum(parts, [])


@pytest.fixture(scope="module")
def jobset() -> dict:
    return yaml.safe_load((ROOT / "launch" / "kubernetes" / "jobset.yaml").read_text())


def workers(jobset) -> dict:
    (job,) = jobset["spec"]["replicatedJobs"]
    return job["template"]["spec"]


def test_every_field_is_one_of_the_api(jobset):
    assert problems(jobset, JOBSET) == []


def test_the_check_finds_mistakes(jobset):
    wrong = {**jobset, "kind": "Job", "sepc": {}, "metadata": {}}
    found = problems(wrong, JOBSET)
    assert [x.split(":")[0] for x in found] == [".sepc", ".kind", ".metadata.name!"]


def test_the_number_of_nodes_is_the_same_at_its_three_places(jobset):
    spec = workers(jobset)
    (container,) = spec["template"]["spec"]["containers"]
    values = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert spec["parallelism"] == spec["completions"] == int(values["PLAYMATE_PROCESSES"])


def test_its_variables_make_a_job(jobset):
    """With what the controllers add: the pod's index, and the address in the annotation."""
    name, (replicated,) = jobset["metadata"]["name"], jobset["spec"]["replicatedJobs"]
    (container,) = workers(jobset)["template"]["spec"]["containers"]
    address = f"{name}-{replicated['name']}-0-0.{name}"
    given = {entry["name"]: entry.get("value", address) for entry in container["env"]}
    job = job_of(given | {"JOB_COMPLETION_INDEX": "1"})
    assert (job.processes, job.process, job.coordinator) == (2, 1, f"{address}:{PORT}")
    assert container["ports"] == [{"containerPort": PORT}]


def test_volumes_and_the_container_are_referred_to_by_their_names(jobset):
    spec = workers(jobset)
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}
    for rule in spec["podFailurePolicy"]["rules"]:
        assert rule["onExitCodes"]["containerName"] == container["name"]
    assert (
        jobset["spec"]["coordinator"]["replicatedJob"]
        == jobset["spec"]["replicatedJobs"][0]["name"]
    )
    # a pod failure policy is only allowed with this
    assert pod["restartPolicy"] == "Never"
