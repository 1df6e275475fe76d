"""Streams over the network: RTSP, HTTP, RTMP, TCP and UDP, through PyAV."""
