"""Compares what helm renders with what kustomize and the monitoring have.

Usage: compare.py split RENDERED CORE CUSTOM        writes Kubernetes' own objects as YAML and the others as JSON
       compare.py same RENDERED OVERLAY             fails where two renderings of the same objects differ
       compare.py monitoring RENDERED RULES DASHBOARD
"""

import json
import sys
import tomllib

import yaml

# Of Helm alone; they name the release and the chart.
HELM = {"app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "app.kubernetes.io/version", "helm.sh/chart", "checksum/config"}
# By which kustomize finds its targets.
KUSTOMIZE = {"session-keepalive"}


def load(path):
    with open(path, encoding="utf-8") as file:
        return [document for document in yaml.safe_load_all(file) if document]


def is_custom(document):
    return document["apiVersion"].split("/")[0] == "monitoring.coreos.com"


def split(rendered, core, custom):
    documents = load(rendered)
    with open(core, "w", encoding="utf-8") as file:
        yaml.safe_dump_all([it for it in documents if not is_custom(it)], file)
    with open(custom, "w", encoding="utf-8") as file:
        json.dump([it for it in documents if is_custom(it)], file)


def same(rendered, overlay):
    ours, theirs = (objects(load(path)) for path in (rendered, overlay))
    expect(ours.keys() == theirs.keys(), f"the objects are the same: {sorted(ours)} and {sorted(theirs)}")
    for key in sorted(ours):
        differences = list(differing(ours[key], theirs[key]))
        expect(not differences, "\n  ".join([f"{'/'.join(key)} is the same in helm and kustomize:", *differences]))


def objects(documents):
    """Returns the objects by kind and name, in the form in which they are compared."""
    maps = {it["metadata"]["name"]: it["data"] for it in documents if it["kind"] == "ConfigMap"}
    # kustomize adds a hash to the name of a ConfigMap, and the region of a sidecar is in one.
    names = {name: name.rsplit("-", 1)[0] if name.count("-") > 1 else name for name in maps}
    region_maps = {name for name, data in maps.items() if "region" in data}
    result = {}
    for document in documents:
        name = document["metadata"]["name"]
        if document["kind"] == "ConfigMap":
            # Nothing selects one by its labels.
            document["metadata"].pop("labels", None)
        if name not in region_maps:
            result[document["kind"], names.get(name, name)] = normal(document, maps, names)
    return result


def normal(value, maps, names):
    if isinstance(value, dict):
        reference = value.get("valueFrom", {}).get("configMapKeyRef") if isinstance(value.get("valueFrom"), dict) else None
        if reference:
            return {"name": value["name"], "value": maps[reference["name"]][reference["key"]]}
        kept = {}
        for key, entry in value.items():
            if key in HELM | KUSTOMIZE:
                continue
            kept[key] = tomllib.loads(entry) if key == "config.toml" else normal(entry, maps, names)
        return {key: entry for key, entry in kept.items() if entry != {}}
    if isinstance(value, list):
        entries = [normal(entry, maps, names) for entry in value]
        # The order of what has a name means nothing here.
        named = all(isinstance(entry, dict) and "name" in entry for entry in entries)
        return sorted(entries, key=lambda entry: entry["name"]) if named else entries
    return names.get(value, value) if isinstance(value, str) else value


def differing(ours, theirs, path=""):
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(ours.keys() | theirs.keys()):
            yield from differing(ours.get(key), theirs.get(key), f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (one, other) in enumerate(zip(ours, theirs)):
            yield from differing(one, other, f"{path}[{index}]")
    elif ours != theirs:
        yield f"{path}: helm {ours!r}, kustomize {theirs!r}"


def monitoring(rendered, rules, dashboard):
    documents = load(rendered)
    by_kind = {it["kind"]: it for it in documents}
    expect([by_kind["PrometheusRule"]["spec"]] == load(rules), "the alerts are those of packaging/prometheus")
    [board] = [it for it in documents if it["metadata"].get("labels", {}).get("grafana_dashboard") == "1"]
    with open(dashboard, encoding="utf-8") as file:
        expect(json.loads(board["data"]["session-keepalive.json"]) == json.load(file), "the dashboard is that of packaging/grafana")
    pod = by_kind["StatefulSet"]["spec"]["template"]
    monitor = by_kind["PodMonitor"]["spec"]
    labels = pod["metadata"]["labels"]
    expect(monitor["selector"]["matchLabels"].items() <= labels.items(), "the monitor selects the pods")
    expect(labels[monitor["jobLabel"]] == "session-keepalive", "the job has the name that the alerts expect")
    ports = {port["name"] for container in pod["spec"]["containers"] for port in container["ports"]}
    expect({it["port"] for it in monitor["podMetricsEndpoints"]} <= ports, "the monitor names a port of the pods")
    for kind in ("Service", "NetworkPolicy", "PodDisruptionBudget"):
        selector = by_kind[kind]["spec"].get("podSelector") or by_kind[kind]["spec"]["selector"]
        expect(selector.get("matchLabels", selector).items() <= labels.items(), f"the {kind} selects the pods")
    print("ok the alerts, the dashboard, and a monitor that finds the pods")


def expect(holds, what):
    if not holds:
        sys.exit(f"FAILED {what}")


{"split": split, "same": same, "monitoring": monitoring}[sys.argv[1]](*sys.argv[2:])
