"""The CNI server: what a container runtime asks by way of the plug-in `p4kube-cni`, answered.

Pure are `configuration`, `environment` and `wish`, which make frozen values of what came; `veth`
looks into the pod, `verbs` asks the endpoints, `server` has the socket.
"""
