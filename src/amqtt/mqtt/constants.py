"""aMQTT's import path of the three QoS."""

QOS_0 = 0
QOS_1 = 1
QOS_2 = 2
