"""The risk score and its reasons, after the INFORM index (EC JRC, INFORM Risk methodology 2017, section 3): what must a
commander look at first? Pure: what is counted around a thing, and who could help, is read elsewhere."""
