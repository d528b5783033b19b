"""Lets TCP to port 80 through p4nf/firewall, by p4runtime-shell; see test_shell.py."""

import sys

import p4runtime_sh.shell as sh

address, p4info, device_config = sys.argv[1:]
sh.setup(
    device_id=1,
    grpc_addr=address,
    election_id=(0, 1),
    config=sh.FwdPipeConfig(p4info, device_config),
)
try:
    rule = sh.TableEntry("ingress.acl4")(action="ingress.allow")
    rule.match["dst"] = "10.0.0.2&&&255.255.255.255"
    rule.match["protocol"] = "6&&&0xff"
    rule.match["has_ports"] = "1&&&1"
    rule.match["dst_port"] = "80&&&0xffff"
    rule.priority = 10
    rule.insert()
    print("found:", len(list(sh.TableEntry("ingress.acl4").read())))
finally:
    sh.teardown()
