"""OpenAI's Realtime API and audio transcriptions."""
