"""Checks rendered manifests: the restricted profile of pod security, and what the program makes of what it is given.

Usage: check.py BINARY MANIFEST
"""

import os
import subprocess
import sys
import tempfile

import yaml

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def main(binary, manifest):
    with open(manifest, encoding="utf-8") as file:
        resources = [it for it in yaml.safe_load_all(file) if it]
    config_maps = {it["metadata"]["name"]: it["data"] for it in resources if it["kind"] == "ConfigMap"}
    pods = [it["spec"]["template"]["spec"] for it in resources if it["kind"] in ("Deployment", "Job", "StatefulSet")]
    expect(len(pods) == 1, "there is one workload")
    for resource in resources:
        if resource["kind"] in ("NetworkPolicy", "PodDisruptionBudget"):
            selector = resource["spec"].get("podSelector") or resource["spec"].get("selector")
            expect(selector, f"the {resource['kind']} is for these pods, and not for all or none of the namespace")
    for pod in pods:
        restricted(pod)
        ours = [it for it in containers(pod) if it["name"] == "session-keepalive"]
        expect(len(ours) == 1, "the program is in it once")
        understood(binary, pod, ours[0], config_maps)


def containers(pod):
    return pod.get("initContainers", []) + pod["containers"]


def restricted(pod):
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/, and a few things beyond."""
    expect(pod.get("automountServiceAccountToken") is False, "no service account's token is mounted")
    expect(not any(pod.get(it) for it in ("hostNetwork", "hostPID", "hostIPC")), "nothing is the host's")
    for volume in pod.get("volumes", []):
        expect(VOLUMES.issuperset(volume.keys() - {"name"}), f"volume {volume['name']} is of an allowed kind")
    for container in containers(pod):
        of_pod, own = pod.get("securityContext", {}), container.get("securityContext", {})
        name = container["name"]
        profile = own.get("seccompProfile", of_pod.get("seccompProfile", {})).get("type")
        expect(own.get("runAsNonRoot", of_pod.get("runAsNonRoot")) is True, f"{name} is not root")
        expect(own.get("allowPrivilegeEscalation") is False, f"{name} gains no privileges")
        expect(own.get("readOnlyRootFilesystem") is True, f"{name} has a read-only root")
        expect(own.get("capabilities") == {"drop": ["ALL"]}, f"{name} has no capabilities")
        expect(profile == "RuntimeDefault", f"{name} has the runtime's seccomp profile")
        expect("memory" in container["resources"]["limits"], f"{name} has a limit of memory")


def understood(binary, pod, container, config_maps):
    variables = {it["name"]: value(it, config_maps) for it in container["env"]}
    with tempfile.TemporaryDirectory() as folder:
        if "SESSION_KEEPALIVE_CONFIG" in variables:
            [config] = [it["configMap"]["name"] for it in pod["volumes"] if it["name"] == "config"]
            path = os.path.join(folder, "config.toml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(config_maps[config]["config.toml"])
            variables["SESSION_KEEPALIVE_CONFIG"] = path
        runs([binary, "check"], variables)
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        command = container.get(probe, {}).get("exec", {}).get("command")
        if command:
            expect(command[0] == "/session-keepalive", f"{probe} asks the program")
            runs([binary, *command[1:], "--help"], {})
    leaves = "leave" in [variables.get("SESSION_KEEPALIVE_DEFAULTS__ON_SHUTDOWN"), *on_shutdown(config_maps)]
    # A shard always leaves its tokens.
    leaves = leaves or any("[shard]" in it.get("config.toml", "") for it in config_maps.values())
    expect(leaves or "livenessProbe" not in container, "what a probe ends must not revoke a token that is in use")


def on_shutdown(config_maps):
    lines = [line for it in config_maps.values() for line in it.get("config.toml", "").splitlines()]
    return [line.split("=")[1].strip(' "') for line in lines if line.startswith("on_shutdown")]


def value(variable, config_maps):
    if "value" in variable:
        return variable["value"]
    if variable["valueFrom"].get("fieldRef", {}).get("fieldPath") == "metadata.name":
        return "session-keepalive-0"
    reference = variable["valueFrom"]["configMapKeyRef"]
    return config_maps[reference["name"]][reference["key"]]


def runs(command, variables):
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=10, check=False)
    expect(done.returncode == 0, f"{command[1:]} succeeds: {done.stderr}")


def expect(holds, what):
    if not holds:
        sys.exit(f"FAILED {what}")


main(*sys.argv[1:])
