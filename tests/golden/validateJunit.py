"""Holds a file against an XML schema, for src/cli/exports.models.test.ts: validateJunit.py XSD FILE"""

import sys

from lxml import etree

schema = etree.XMLSchema(etree.parse(sys.argv[1]))
schema.assertValid(etree.parse(sys.argv[2]))
print("valid")
