# Register user
curl -X POST http://localhost:8000/api/auth/sign-up/email \
  -H "Content-Type: application/x-www-form-urlencoded" \
  -d "email=test@example.com&password=password123&name=Test User"

# Login
curl -X POST http://localhost:8000/api/auth/sign-in/email \
  -H "Content-Type: application/x-www-form-urlencoded" \
  -d "email=test@example.com&password=password123"

# Get tasks (with authentication)
curl -X GET http://localhost:8000/api/user-uuid/tasks \
  -H "Authorization: Bearer eyJhbGc..."

# Create task
curl -X POST http://localhost:8000/api/user-uuid/tasks \
  -H "Authorization: Bearer eyJhbGc..." \
  -H "Content-Type: application/json" \
  -d '{"title": "My first task", "description": "Task description"}'

# Update task
curl -X PUT http://localhost:8000/api/user-uuid/tasks/1 \
  -H "Authorization: Bearer eyJhbGc..." \
  -H "Content-Type: application/json" \
  -d '{"title": "Updated task", "completed": true}'

# Delete task
curl -X DELETE http://localhost:8000/api/user-uuid/tasks/1 \
  -H "Authorization: Bearer eyJhbGc..."
