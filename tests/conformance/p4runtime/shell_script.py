"""What p4runtime-shell does in test_shell.py; runs in an environment of its own, without ours."""

import sys

import p4runtime_sh.p4runtime as p4rt
import p4runtime_sh.shell as sh

address, p4info, device_config = sys.argv[1:]
sh.setup(
    device_id=1,
    grpc_addr=address,
    election_id=(0, 1),
    config=sh.FwdPipeConfig(p4info, device_config),
)

try:
    entry = sh.TableEntry("ingress.hosts")(action="ingress.forward")
    entry.match["hdr.ipv4.dst"] = "10.0.0.1"
    entry.match["meta.port"] = "300"
    entry.action["port"] = "7"
    entry.insert()
    entry.action["port"] = "8"
    entry.modify()

    rule = sh.TableEntry("ingress.acl")(action="ingress.mark")
    rule.match["hdr.ipv4.src"] = "10.0.0.0&&&255.0.0.0"
    rule.match["hdr.ipv4.protocol"] = "6"
    rule.match["hdr.ipv4.dst"] = "0x80000/1"
    rule.action["colour"] = "5"
    rule.priority = 10
    rule.insert()

    default = sh.TableEntry("ingress.always")(action="ingress.forward", is_default=True)
    default.action["port"] = "511"
    default.modify()

    try:
        rule.insert()
    except p4rt.P4RuntimeWriteException as e:
        print("refused:", str(e).replace("\n", " "))

    for table in ("ingress.hosts", "ingress.acl"):
        for found in sh.TableEntry(table).read():
            print("found:", str(found.msg()).replace("\n", " "))

    counter = sh.CounterEntry("ingress.ports")
    counter.index = 3
    counter.packet_count = 12
    counter.modify()
    for cell in counter.read():
        print("counted:", cell.packet_count)

    entry.delete()
    print("left:", len(list(sh.TableEntry("ingress.hosts").read())))
finally:
    sh.teardown()  # its threads would keep the process alive
