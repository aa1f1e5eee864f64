// Checks objects against the schemas of the Prometheus Operator.
//
// Usage: node operator.cjs MODELS OBJECTS.json   (MODELS: where @kubernetes-models/prometheus-operator is installed)
'use strict';

const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const [, , models, objects] = process.argv;
const operator = require(join(models, 'node_modules/@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1'));

const documents = JSON.parse(readFileSync(objects, 'utf8'));
if (documents.length === 0) throw new Error('there is an object to check');
for (const document of documents) {
  new operator[document.kind](document).validate();
}
console.log(`ok ${documents.map((document) => document.kind).join(', ')}: the schemas of the Prometheus Operator`);
