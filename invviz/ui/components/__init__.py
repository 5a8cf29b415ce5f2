"""What answers in the browser, without the server: the noise slider and all that it moves. JavaScript in assets/noise, no build step."""
