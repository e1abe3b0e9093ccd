"""The page of the server, made with Gradio: a client of its jobs, without a way around them."""
