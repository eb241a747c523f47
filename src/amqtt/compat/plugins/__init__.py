"""aMQTT's plugins: found, made, asked and told, as they were written for aMQTT."""
