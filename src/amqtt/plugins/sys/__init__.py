"""aMQTT's import path of BrokerSysPlugin."""
